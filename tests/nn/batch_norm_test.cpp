#include "nn/batch_norm.hpp"

#include <torch/nn/modules/batchnorm.h>

#include "models/helpers.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

// The names and values of all parameters and buffers.
void require_same_state(const torch::nn::Module& a, const torch::nn::Module& b) {
  const auto same = [](const auto& left, const auto& right) {
    REQUIRE(left.keys() == right.keys());
    for (const auto& item : left) REQUIRE(all_close(item.value(), right[item.key()], 1e-6, 1e-6));
  };
  same(a.named_parameters(), b.named_parameters());
  same(a.named_buffers(), b.named_buffers());
}

}  // namespace

TEST_CASE("Batch normalisation is LibTorch's, training and evaluating") {
  torch::manual_seed(1);
  torch::nn::BatchNorm2d theirs(5);
  BatchNorm2dImpl ours(5);
  for (int step = 0; step < 3; ++step) {
    const torch::Tensor x = torch::randn({4, 5, 3, 6}) * 2 + 1;
    torch::Tensor a = x.clone().requires_grad_(), b = x.clone().requires_grad_();
    const torch::Tensor ya = theirs->forward(a), yb = ours.forward(b);
    REQUIRE(largest_difference(ya, yb) < 1e-6);
    const torch::Tensor gradient = torch::randn_like(x);
    ya.backward(gradient);
    yb.backward(gradient);
    REQUIRE(largest_difference(a.grad(), b.grad()) < 1e-6);
    REQUIRE(largest_difference(theirs->weight.grad(), ours.weight.grad()) < 1e-5);
    require_same_state(*theirs, ours);
  }
  theirs->eval();
  ours.eval();
  const torch::Tensor x = torch::randn({2, 5, 3, 3});
  REQUIRE(largest_difference(theirs->forward(x), ours.forward(x)) < 1e-6);
}

TEST_CASE("Another training forward pass is used while training only") {
  BatchNorm2dImpl layer(2);
  int calls = 0;
  layer.set_training_forward([&](const torch::Tensor& x, BatchNorm2dImpl& self) {
    ++calls;
    return x * self.weight.view({1, -1, 1, 1}) + 3;
  });
  const torch::Tensor x = torch::randn({1, 2, 2, 2});
  REQUIRE(largest_difference(layer.forward(x), x + 3) == 0);
  REQUIRE(layer.num_batches_tracked.item<std::int64_t>() == 0);
  layer.eval();
  layer.forward(x);
  REQUIRE(calls == 1);
  layer.train();
  layer.set_training_forward({});
  layer.forward(x);
  REQUIRE(layer.num_batches_tracked.item<std::int64_t>() == 1);
}
