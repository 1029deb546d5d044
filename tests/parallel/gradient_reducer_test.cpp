#include "parallel/gradient_reducer.hpp"

#include <torch/nn/modules/linear.h>

#include "base/error.hpp"
#include "comm/self_communicator.hpp"
#include "parallel/distributed_data_parallel.hpp"
#include "support/catch.hpp"

using namespace lockstep;

namespace {

struct Net : torch::nn::Module {
  torch::nn::Linear a{register_module("a", torch::nn::Linear(7, 5))};
  torch::nn::Linear b{register_module("b", torch::nn::Linear(5, 3))};
  torch::Tensor forward(const torch::Tensor& x) { return b->forward(at::relu(a->forward(x))); }
};

// Its layers are used in another order than they are registered in.
struct TurnedNet : torch::nn::Module {
  torch::nn::Linear b{register_module("b", torch::nn::Linear(5, 3))};
  torch::nn::Linear a{register_module("a", torch::nn::Linear(7, 5))};
  torch::Tensor forward(const torch::Tensor& x) { return b->forward(at::relu(a->forward(x))); }
};

// Named gradients of one backward pass on plain LibTorch.
template <typename Net>
std::vector<torch::Tensor> plain_gradients(Net& net, const torch::Tensor& x) {
  net.forward(x).square().mean().backward();
  std::vector<torch::Tensor> result;
  for (const auto& p : net.parameters()) result.push_back(p.grad().clone());
  net.zero_grad();
  return result;
}

void check_equal(const std::vector<torch::Tensor>& expected, const torch::nn::Module& net,
                 double factor = 1) {
  const auto parameters = net.parameters();
  REQUIRE(parameters.size() == expected.size());
  for (std::size_t i = 0; i < parameters.size(); ++i)
    CHECK(torch::equal(expected[i] * factor, parameters[i].grad()));
}

}  // namespace

TEST_CASE("flattening keeps values and makes gradients views of the buckets") {
  torch::manual_seed(1);
  Net net;
  const torch::Tensor x = torch::randn({4, 7});
  const torch::Tensor before = net.forward(x).detach().clone();
  const auto expected = plain_gradients(net, x);
  const auto communicator = make_self_communicator();
  GradientReducer reducer(trainable_parameters(net), *communicator, {});
  CHECK(torch::equal(before, net.forward(x)));
  net.forward(x).square().mean().backward();
  reducer.finish();
  check_equal(expected, net);
  const auto& buckets = reducer.buckets();
  for (std::size_t p = 0; p < buckets.parameters().size(); ++p)
    CHECK(buckets.parameters()[p].tensor.grad().data_ptr() == buckets.gradient_view(p).data_ptr());
}

TEST_CASE("gradients replaced or reset by others are taken back into the buckets") {
  torch::manual_seed(2);
  Net net;
  const torch::Tensor x = torch::randn({4, 7});
  const auto expected = plain_gradients(net, x);
  const auto communicator = make_self_communicator();
  GradientReducer reducer(trainable_parameters(net), *communicator, {});
  net.zero_grad(/*set_to_none=*/true);
  net.forward(x).square().mean().backward();
  reducer.finish();
  check_equal(expected, net);
  CHECK(net.a->weight.grad().data_ptr() == reducer.buckets().gradient_view(0).data_ptr());
}

TEST_CASE("gathered gradients are those that are added in their places, over several passes too") {
  for (const std::int64_t below : {0, 6, 20, 1000}) {  // none, the biases, all but a's weight, all
    for (const bool overlap : {true, false}) {
      CAPTURE(below, overlap);
      torch::manual_seed(2);
      Net net;
      const torch::Tensor x = torch::randn({4, 7}), y = torch::randn({4, 7});
      const auto first = plain_gradients(net, x), second = plain_gradients(net, y);
      const auto communicator = make_self_communicator();
      GradientReducer reducer(trainable_parameters(net), *communicator,
                              {.bucket_sizes = {1e-4, 1e-4}, .overlap = overlap, .gather_below = below});
      for (int step = 0; step < 3; ++step) {
        reducer.zero_gradients();
        CHECK(net.b->bias.grad().defined() == (below < 6));
        reducer.set_synchronising(false);
        net.forward(x).square().mean().backward();
        reducer.set_synchronising(true);
        net.forward(y).square().mean().backward();
        reducer.finish();
        const auto parameters = net.parameters();
        for (std::size_t i = 0; i < parameters.size(); ++i) {
          CHECK(torch::equal(first[i] + second[i], parameters[i].grad()));
          CHECK(parameters[i].grad().data_ptr() == reducer.buckets().gradient_view(i).data_ptr());
        }
        reducer.rebuild();
      }
    }
  }
}

TEST_CASE("a gathered gradient that backward does not touch is zero") {
  torch::manual_seed(2);
  Net net;
  const auto communicator = make_self_communicator();
  GradientReducer reducer(trainable_parameters(net), *communicator, {.gather_below = 1000});
  net.forward(torch::ones({2, 7})).sum().backward();
  reducer.finish();
  CHECK(net.b->weight.grad().abs().sum().item<float>() > 0);
  reducer.zero_gradients();
  net.a->forward(torch::ones({2, 7})).sum().backward();
  reducer.finish();
  CHECK(net.b->weight.grad().abs().sum().item<float>() == 0);
  CHECK(net.a->bias.grad().sum().item<float>() == 10);
}

TEST_CASE("rebuilding keeps values, gradients and the further course") {
  torch::manual_seed(3);
  TurnedNet net;
  const torch::Tensor x = torch::randn({4, 7});
  const auto expected = plain_gradients(net, x);
  const auto communicator = make_self_communicator();
  GradientReducer reducer(trainable_parameters(net), *communicator, {.bucket_sizes = {1e-5, 1e-5}});
  net.forward(x).square().mean().backward();
  reducer.finish();
  const torch::Tensor output = net.forward(x).detach().clone();
  REQUIRE(reducer.rebuild());
  CHECK_FALSE(reducer.rebuild());  // once
  check_equal(expected, net);
  CHECK(torch::equal(output, net.forward(x)));
  net.forward(x).square().mean().backward();  // accumulates on top
  reducer.finish();
  check_equal(expected, net, 2);
}

TEST_CASE("accumulation leaves several backward passes' sum") {
  torch::manual_seed(4);
  Net net;
  const torch::Tensor x = torch::randn({4, 7});
  const auto expected = plain_gradients(net, x);
  const auto communicator = make_self_communicator();
  DistributedDataParallel ddp(std::make_shared<Net>(net), *communicator);
  auto& wrapped = static_cast<Net&>(ddp.module());
  {
    const auto guard = ddp.no_sync();
    wrapped.forward(x).square().mean().backward();
  }
  wrapped.forward(x).square().mean().backward();
  check_equal(expected, wrapped, 2);
  ddp.zero_grad();
  for (const auto& p : wrapped.parameters()) CHECK_FALSE(p.grad().defined());
}

TEST_CASE("a parameter of another dtype is refused by name") {
  Net net;
  net.b->to(torch::kFloat64);
  const auto communicator = make_self_communicator();
  CHECK_THROWS_WITH(GradientReducer(trainable_parameters(net), *communicator, {}),
                    "parameter 'b.weight' is not float32; keep parameters in float32 and compute in bf16");
}

TEST_CASE("a reducer that is gone no longer touches gradients") {
  torch::manual_seed(5);
  Net net;
  const torch::Tensor x = torch::randn({4, 7});
  const auto communicator = make_self_communicator();
  { GradientReducer reducer(trainable_parameters(net), *communicator, {}); }
  net.zero_grad();
  net.forward(x).square().mean().backward();
  CHECK(net.a->weight.grad().defined());
}
