// Loops of our own share their work among LibTorch's threads, and their results do not depend on how many there are.
#include <ATen/Parallel.h>

#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "models/helpers.hpp"
#include "nn/attention.hpp"
#include "nn/embedding.hpp"
#include "nn/gelu.hpp"
#include "nn/window_maximum.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

class Threads {
 public:
  explicit Threads(int count) : before_(at::get_num_threads()) { at::set_num_threads(count); }
  ~Threads() { at::set_num_threads(before_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  int before_;
};

using Function = std::function<torch::Tensor(const torch::Tensor&)>;

// The function's value and the gradient of its input.
std::vector<torch::Tensor> on_threads(int count, const torch::Tensor& input, const Function& function) {
  const Threads threads(count);
  const torch::Tensor x = input.clone().requires_grad_();
  const torch::Tensor y = function(x);
  y.backward(torch::linspace(-1, 1, y.numel()).view(y.sizes()));
  return {y.detach(), x.grad()};
}

void require_same_bits(const torch::Tensor& input, const Function& function) {
  const std::vector<torch::Tensor> one = on_threads(1, input, function),
                                   three = on_threads(3, input, function);
  REQUIRE(torch::equal(one[0], three[0]));
  REQUIRE(torch::equal(one[1], three[1]));
}

}  // namespace

TEST_CASE("A loop of ours runs on as many threads as LibTorch was given") {
  const Threads threads(3);
  std::vector<int> thread_of(3, -1);
  at::parallel_for(0, 3, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) thread_of[static_cast<std::size_t>(i)] = at::get_thread_num();
  });
  REQUIRE(std::set<int>(thread_of.begin(), thread_of.end()) == std::set<int>{0, 1, 2});
}

TEST_CASE("On one thread and on three the layers' own loops give the same bits") {
  torch::manual_seed(5);
  const torch::Tensor tokens = documents({7, 90, 0, 50, 128, 3, 60}, 128, 40);
  const auto context = std::make_shared<DropoutContext>(DropoutContext{11, 3, 40});
  const torch::Tensor weight = torch::randn({3, 100, 32}), bias = torch::randn({100});
  require_same_bits(torch::randn({40, 256}), [&](const auto& table) { return embed(table, tokens); });
  require_same_bits(torch::randn({40, 256}),
                    [&](const auto& table) { return mean_embedding(table, tokens); });
  require_same_bits(torch::randn({300, 400}), [](const auto& x) { return gelu_tanh(x); });
  require_same_bits(torch::randn({6, 60, 3 * 48}), [&](const auto& qkv) {
    return causal_self_attention(qkv, 3, Dropout{0.1, 7, context}, true);
  });
  require_same_bits(torch::randn({6, 150, 32}), [&](const auto& x) {
    return window_maximum(x, torch::tensor({20, 1, 2, 150, 7, 3}, torch::kInt64), weight, bias);
  });
}
