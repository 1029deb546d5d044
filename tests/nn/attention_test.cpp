// Causal attention against its definition, and GELU against LibTorch's.
#include <cmath>
#include <limits>

#include "models/helpers.hpp"
#include "nn/attention.hpp"
#include "nn/gelu.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

constexpr std::int64_t kHeads = 3;

// (B, T, 3E) -> (B, T, E), position by position as it is defined, in the input's type. weights: a factor on
// the probabilities, (B, heads, T, T), or undefined.
torch::Tensor defined_attention(const torch::Tensor& qkv, const torch::Tensor& weights) {
  const std::int64_t batch = qkv.size(0), length = qkv.size(1), width = qkv.size(2) / 3;
  const torch::Tensor parts = qkv.view({batch, length, 3, kHeads, width / kHeads}).permute({2, 0, 3, 1, 4});
  torch::Tensor scores =
      parts[0].matmul(parts[1].transpose(2, 3)) / std::sqrt(static_cast<double>(width / kHeads));
  const torch::Tensor above = torch::ones({length, length}, torch::kBool).triu(1);
  scores = scores.masked_fill(above, -std::numeric_limits<double>::infinity());
  torch::Tensor p = scores.softmax(-1);
  if (weights.defined()) p = p * weights;
  return p.matmul(parts[2]).transpose(1, 2).reshape({batch, length, width});
}

Dropout dropout(double p) {
  auto context = std::make_shared<DropoutContext>();
  *context = {11, 3, 40};
  return {p, 7, context};
}

struct Result {
  torch::Tensor y, gradient;
};

template <typename Function>
Result run(const torch::Tensor& qkv, Function function) {
  const torch::Tensor x = qkv.clone().requires_grad_();
  const torch::Tensor y = function(x);
  y.backward(torch::linspace(-1, 1, y.numel(), y.options().requires_grad(false)).view(y.sizes()));
  return {y.detach(), x.grad()};
}

}  // namespace

TEST_CASE("Causal attention is its definition at every length: values and gradients") {
  torch::manual_seed(1);
  // One block, several blocks, a short last one; with and without whole vectors.
  for (const std::int64_t length : {1, 2, 15, 16, 63, 64, 65, 130, 200}) {
    CAPTURE(length);
    const torch::Tensor qkv = torch::randn({2, length, 3 * 24}) * 2;
    const auto ours =
        run(qkv, [](const auto& x) { return causal_self_attention(x, kHeads, dropout(0), true); });
    const auto theirs = run(qkv.to(torch::kFloat64), [](const auto& x) { return defined_attention(x, {}); });
    REQUIRE(largest_difference(ours.y, theirs.y) < 1e-5);
    REQUIRE(largest_difference(ours.gradient, theirs.gradient) < 1e-4);
    const torch::NoGradGuard no_grad;
    REQUIRE(torch::equal(causal_self_attention(qkv, kHeads, dropout(0), false), ours.y));
  }
}

TEST_CASE("Causal attention drops probabilities at the rate given, alike forward and backward") {
  torch::manual_seed(2);
  const std::int64_t length = 130, depth = 130;
  // Values that are unit vectors: row t of a head's output is its row of dropped probabilities.
  torch::Tensor qkv = torch::randn({1, length, 3, kHeads, depth});
  const torch::Tensor unit = torch::eye(length).unsqueeze(1).expand({length, kHeads, depth});
  qkv.select(2, 2).copy_(unit.unsqueeze(0));
  qkv = qkv.flatten(2);
  const torch::Tensor dropped = causal_self_attention(qkv, kHeads, dropout(0.3), true)
                                    .view({1, length, kHeads, depth})
                                    .transpose(1, 2);  // (1, heads, T, T)
  const torch::Tensor whole =
      causal_self_attention(qkv, kHeads, dropout(0), true).view({1, length, kHeads, depth}).transpose(1, 2);
  const torch::Tensor kept = (dropped != 0).to(torch::kFloat64);
  const torch::Tensor below = torch::ones({length, length}).tril().to(torch::kBool).expand_as(kept);
  REQUIRE(kept.masked_select(below).mean().item<double>() == Approx(0.7).margin(0.01));
  REQUIRE(largest_difference(dropped, whole * kept / 0.7) < 1e-4);
  // Rows and heads are masked independently of each other.
  REQUIRE_FALSE(torch::equal(kept[0][0][129], kept[0][0][128]));
  REQUIRE_FALSE(torch::equal(kept[0][0][129], kept[0][1][129]));

  const double scale = 65536.0 / (65536.0 - 19661);
  const auto ours =
      run(qkv, [](const auto& x) { return causal_self_attention(x, kHeads, dropout(0.3), true); });
  const auto theirs =
      run(qkv.to(torch::kFloat64), [&](const auto& x) { return defined_attention(x, kept * scale); });
  REQUIRE(largest_difference(ours.y, theirs.y) < 1e-5);
  REQUIRE(largest_difference(ours.gradient, theirs.gradient) < 1e-4);
}

TEST_CASE("Causal attention masks a sample alike wherever it stands in a batch") {
  const torch::Tensor qkv = torch::randn({3, 70, 3 * 24});
  auto context = std::make_shared<DropoutContext>();
  const Dropout drop(0.2, 7, context);
  const torch::Tensor whole = causal_self_attention(qkv, kHeads, drop, true);
  context->first_sample = 2;
  REQUIRE(largest_difference(causal_self_attention(qkv.narrow(0, 2, 1), kHeads, drop, true),
                             whole.narrow(0, 2, 1)) < 1e-6);
}

TEST_CASE("GELU is LibTorch's tanh approximation: values and gradient, far out too") {
  const torch::Tensor x = torch::cat({torch::linspace(-12, 12, 4001), torch::tensor({-1e4F, 1e4F, -0.0F})});
  const auto ours = run(x, [](const auto& in) { return gelu_tanh(in); });
  const auto theirs = run(x.to(torch::kFloat64), [](const auto& in) { return at::gelu(in, "tanh"); });
  REQUIRE(all_close(ours.y, theirs.y, 1e-6, 1e-6));
  REQUIRE(largest_difference(ours.gradient, theirs.gradient) < 1e-6);
}
