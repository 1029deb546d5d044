// DistributedDataParallel and SyncBatchNorm on N ranks against one process that sees the whole batch.
#include <mpi.h>
#include <torch/nn/modules/linear.h>

#include "nn/batch_norm.hpp"
#include "parallel/distributed_data_parallel.hpp"
#include "parallel/sync_batch_norm.hpp"
#include "support/catch.hpp"
#include "support/close_tensors.hpp"
#include "support/test_backend.hpp"

using namespace lockstep;

namespace {

constexpr std::int64_t kRowsPerRank = 4;

struct Net : torch::nn::Module {
  torch::nn::Linear a{register_module("a", torch::nn::Linear(7, 6))};
  torch::nn::Linear unused{register_module("unused", torch::nn::Linear(2, 2))};
  torch::nn::Linear b{register_module("b", torch::nn::Linear(6, 3))};
  torch::Tensor forward(const torch::Tensor& x) { return b->forward(at::relu(a->forward(x))); }
};

torch::Tensor whole_batch(int ranks, std::uint64_t seed) {
  torch::manual_seed(seed);
  return torch::randn({kRowsPerRank * ranks, 7});
}

torch::Tensor my_rows(const torch::Tensor& batch, const Communicator& c) {
  return batch.narrow(0, kRowsPerRank * c.rank(), kRowsPerRank);
}

void sgd(torch::nn::Module& module) {
  const torch::NoGradGuard no_grad;
  for (auto& p : module.parameters())
    if (p.grad().defined()) p.sub_(p.grad(), 0.1);
}

// Ten steps on the shards by ddp, and on the whole batch alone; returns the largest difference of a
// parameter.
double train_both(Communicator& c, const DistributedOptions& options, bool accumulate) {
  torch::manual_seed(11);
  auto reference = std::make_shared<Net>();
  torch::manual_seed(11 +
                     static_cast<std::uint64_t>(c.rank()));  // other weights on other ranks: rank 0's count
  auto net = std::make_shared<Net>();
  DistributedDataParallel ddp(net, c, options);
  for (std::uint64_t step = 0; step < 10; ++step) {
    const torch::Tensor batch = whole_batch(c.size(), step);
    reference->zero_grad();
    reference->forward(batch).square().mean().backward();
    sgd(*reference);
    ddp.zero_grad();
    const torch::Tensor mine = my_rows(batch, c);
    if (accumulate) {
      {
        const auto guard = ddp.no_sync();
        (net->forward(mine.narrow(0, 0, 2)).square().mean() / 2).backward();
      }
      (net->forward(mine.narrow(0, 2, 2)).square().mean() / 2).backward();
    } else {
      net->forward(mine).square().mean().backward();
    }
    if (step == 0) ddp.reducer().rebuild();
    sgd(*net);
  }
  return test::largest_difference(reference->parameters(), net->parameters());
}

struct BatchNormNet : Model {
  BatchNormNet() : Model("bn") {
    norm = register_module("norm", std::make_shared<BatchNorm2dImpl>(3));
    scale = register_parameter("scale", torch::ones({1}));
  }
  torch::Tensor run(const torch::Tensor& x) { return norm->forward(x * scale).tanh() * x; }
  std::shared_ptr<BatchNorm2dImpl> norm;
  torch::Tensor scale;
};

}  // namespace

TEST_CASE("ranks together train as one, for every way of reducing") {
  const auto c = test::make_test_communicator();
  for (const bool overlap : {true, false})
    for (const bool accumulate : {false, true})
      for (const double mb : {1e-5, 25.0}) {
        CAPTURE(overlap, accumulate, mb);
        CHECK(train_both(*c, {.bucket_sizes = {mb, mb}, .overlap = overlap}, accumulate) < 1e-6);
      }
}

TEST_CASE("reduction in 16 bits is close, and the same on all ranks") {
  const auto c = test::make_test_communicator();
  CHECK(train_both(*c, {.reduce_dtype = torch::kBFloat16}, false) < 2e-2);
  CHECK(train_both(*c, {.reduce_dtype = torch::kHalf}, false) < 2e-3);
}

TEST_CASE("synchronised batch normalisation equals the whole batch's, forward, backward and running") {
  const auto c = test::make_test_communicator();
  torch::manual_seed(5);
  const torch::Tensor batch = torch::randn({2 * c->size(), 3, 4, 5}) * 2 + 1;
  BatchNormNet whole, mine;
  WorkLog log;
  REQUIRE(synchronise_batch_norm(mine, *c, &log) == 1);
  const torch::Tensor x = batch.clone().requires_grad_();
  const torch::Tensor expected = whole.run(x);
  expected.sum().backward();
  const torch::Tensor share = batch.narrow(0, 2 * c->rank(), 2).clone().requires_grad_();
  const torch::Tensor output = mine.run(share);
  output.sum().backward();
  CHECK(test::all_close(output, expected.narrow(0, 2 * c->rank(), 2), 1e-5, 1e-6));
  CHECK(test::all_close(share.grad(), x.grad().narrow(0, 2 * c->rank(), 2), 1e-4, 1e-5));
  CHECK(test::all_close(mine.norm->running_mean, whole.norm->running_mean, 1e-5, 1e-6));
  CHECK(test::all_close(mine.norm->running_var, whole.norm->running_var, 1e-5, 1e-6));
  torch::Tensor weight_gradient = mine.norm->weight.grad().clone();
  c->all_reduce(weight_gradient)->wait();
  CHECK(test::all_close(weight_gradient, whole.norm->weight.grad(), 1e-4, 1e-5));
  CHECK(log.works().size() == 2);
}
