// The fused optimizers on flat buckets against LibTorch's own classes, and across a change of the bucket
// layout.
#include "train/flat_optimizer.hpp"

#include <torch/nn/modules/linear.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/sgd.h>

#include "comm/self_communicator.hpp"
#include "parallel/distributed_data_parallel.hpp"
#include "parallel/gradient_reducer.hpp"
#include "support/catch.hpp"
#include "support/close_tensors.hpp"

using namespace lockstep;

namespace {

struct Net : torch::nn::Module {
  torch::nn::Linear a{register_module("a", torch::nn::Linear(9, 8))};
  torch::nn::Linear b{register_module("b", torch::nn::Linear(8, 3))};
  torch::Tensor forward(const torch::Tensor& x) { return b->forward(at::relu(a->forward(x))); }
};

std::unique_ptr<torch::optim::Optimizer> reference(const RunConfig::Optimizer& o,
                                                   const std::vector<torch::Tensor>& p) {
  switch (o.name) {
    case OptimizerKind::sgd:
      return std::make_unique<torch::optim::SGD>(p, torch::optim::SGDOptions(o.lr)
                                                        .momentum(o.momentum)
                                                        .nesterov(o.nesterov)
                                                        .weight_decay(o.weight_decay));
    case OptimizerKind::adam:
      return std::make_unique<torch::optim::Adam>(
          p,
          torch::optim::AdamOptions(o.lr).weight_decay(o.weight_decay).betas({o.beta1, o.beta2}).eps(o.eps));
    case OptimizerKind::adamw:
      return std::make_unique<torch::optim::AdamW>(
          p,
          torch::optim::AdamWOptions(o.lr).weight_decay(o.weight_decay).betas({o.beta1, o.beta2}).eps(o.eps));
  }
  return nullptr;
}

double difference_after_steps(const RunConfig::Optimizer& options) {
  torch::manual_seed(7);
  Net expected;
  torch::manual_seed(7);
  Net net;
  const auto optimizer = reference(options, expected.parameters());
  const auto communicator = make_self_communicator();
  GradientReducer reducer(trainable_parameters(net), *communicator, {.bucket_sizes = {1e-4, 1e-4}});
  FlatOptimizer flat(options, reducer.buckets());
  for (int step = 0; step < 12; ++step) {
    const torch::Tensor x = torch::randn({5, 9});
    optimizer->zero_grad();
    expected.forward(x).square().mean().backward();
    optimizer->step();
    reducer.zero_gradients();
    net.forward(x).square().mean().backward();
    reducer.finish();
    flat.step(options.lr);
    const BucketPlan before = reducer.buckets().plan();
    if (step == 3) {  // any other order: the moments must follow
      reducer.buckets().relayout(plan_buckets(shapes_of(reducer.buckets().parameters()),
                                              std::vector<std::size_t>{2, 0, 3, 1}, {1.0, 1.0}));
      flat.relayout(before);
    }
    reducer.rebuild();
  }
  return test::largest_difference(net.parameters(), expected.parameters());
}

}  // namespace

TEST_CASE("fused optimizers step as LibTorch's do") {
  for (const double decay : {0.0, 0.01}) {
    CAPTURE(decay);
    CHECK(difference_after_steps({.name = OptimizerKind::sgd, .lr = 0.1, .weight_decay = decay}) < 1e-6);
    CHECK(difference_after_steps(
              {.name = OptimizerKind::sgd, .lr = 0.1, .weight_decay = decay, .momentum = 0.9}) < 1e-6);
    CHECK(difference_after_steps({.name = OptimizerKind::sgd,
                                  .lr = 0.1,
                                  .weight_decay = decay,
                                  .momentum = 0.9,
                                  .nesterov = true}) < 1e-6);
    CHECK(difference_after_steps({.name = OptimizerKind::adam, .lr = 0.01, .weight_decay = decay}) < 1e-5);
    CHECK(difference_after_steps({.name = OptimizerKind::adamw, .lr = 0.01, .weight_decay = decay}) < 1e-5);
  }
}

TEST_CASE("the norm is the whole gradient's, and clipping scales to it") {
  torch::manual_seed(8);
  Net net;
  const auto communicator = make_self_communicator();
  GradientReducer reducer(trainable_parameters(net), *communicator, {.bucket_sizes = {1e-4, 1e-4}});
  FlatOptimizer flat({.name = OptimizerKind::sgd}, reducer.buckets());
  net.forward(torch::randn({5, 9}) * 10).square().sum().backward();
  reducer.finish();
  double squares = 0;
  for (const auto& p : net.parameters()) squares += p.grad().square().sum().item<double>();
  const torch::Tensor norm = flat.gradient_norm();
  CHECK(norm.item<double>() == Approx(std::sqrt(squares)).epsilon(1e-5));
  flat.clip_gradient(norm, 2 * std::sqrt(squares));
  CHECK(flat.gradient_norm().item<double>() == Approx(std::sqrt(squares)).epsilon(1e-5));
  flat.clip_gradient(norm, 0.5);
  CHECK(flat.gradient_norm().item<double>() == Approx(0.5).epsilon(1e-3));
}
