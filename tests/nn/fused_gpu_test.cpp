// The fused functions of lib/models and the token loss on a GPU, against LibTorch's operations in float64 on
// the same inputs. Memory that they are given is full of NaN before. Bounds, relative to the reference's
// norm: 1e-2 for bf16 (2^-9 a rounding), 1e-5 for what stays in fp32; and the means agree within a hundredth
// of the elements' spread.
#include "nn/fused.hpp"

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <functional>
#include <limits>

#include "support/catch.hpp"
#include "support/close_tensors.hpp"
#include "support/gpu.hpp"

using namespace lockstep;
using namespace lockstep::test;
using torch::Tensor;

namespace {

constexpr double kBf16 = 1e-2, kFp32 = 1e-5;
const std::vector<std::int64_t> kColumns{1, 3, 65, 767, 768, 1000}, kRows{1, 7, 129};

// While it lives, memory that LibTorch hands out uninitialised is full of NaN: part of its deterministic
// mode, in which some of its own operations only warn.
class PoisonGuard {
 public:
  PoisonGuard() {
    at::globalContext().setDeterministicFillUninitializedMemory(true);
    at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/true);
  }
  ~PoisonGuard() { at::globalContext().setDeterministicAlgorithms(false, false); }
  PoisonGuard(const PoisonGuard&) = delete;
  PoisonGuard& operator=(const PoisonGuard&) = delete;
};

Tensor random(at::IntArrayRef sizes) {
  return torch::randn(sizes, torch::TensorOptions().device(torch::kCUDA).dtype(torch::kFloat32));
}
Tensor leaf(const Tensor& x) { return x.detach().clone().requires_grad_(); }
Tensor exact(const Tensor& x) { return x.detach().to(torch::kFloat64).requires_grad_(); }
Tensor rounded(const Tensor& x) { return x.to(torch::kBFloat16); }

void check_close(const std::string& what, const Tensor& actual, const Tensor& expected, double bound) {
  REQUIRE(actual.sizes() == expected.sizes());
  const Tensor a = actual.detach().to(torch::kFloat64), e = expected.detach();
  const double norm = e.norm().item<double>(), gap = (a - e).norm().item<double>();
  const double root = std::sqrt(static_cast<double>(e.numel()));
  CAPTURE(what, actual.sizes(), norm, gap, a.mean().item<double>(), e.mean().item<double>());
  CHECK(gap <= bound * norm + 1e-6 * root);  // false for NaN
  CHECK(std::abs((a.mean() - e.mean()).item<double>()) <= bound * norm / root + 1e-6);
}

torch::nn::LayerNorm layer_norm(std::int64_t columns) {
  torch::nn::LayerNorm norm(torch::nn::LayerNormOptions({columns}));
  norm->to(torch::kCUDA);
  const torch::NoGradGuard no_grad;
  norm->weight.copy_(1 + 0.2 * random({columns}));
  norm->bias.copy_(random({columns}));
  return norm;
}

Tensor reference_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta) {
  return at::layer_norm(x, {x.size(-1)}, gamma, beta, 1e-5);
}

// Gradients are added to what is there, or made anew.
void give_gradient(const Tensor& parameter, bool present) {
  if (present)
    parameter.mutable_grad() = torch::ones_like(parameter);
  else
    parameter.mutable_grad() = Tensor();
}

void check_gradient(const std::string& what, const Tensor& parameter, const Tensor& expected, bool present,
                    double bound) {
  REQUIRE(parameter.grad().defined());
  check_close(what, parameter.grad() - (present ? 1.0 : 0.0), expected, bound);
}

struct NormCase {
  std::int64_t rows, columns;
  bool branch, post, present;
};

void check_norm(const NormCase& c) {
  CAPTURE(c.rows, c.columns, c.branch, c.post, c.present);
  const Tensor x = leaf(random({1, c.rows, c.columns})),
               values = leaf(rounded(random({1, c.rows, c.columns})));
  const Tensor bias = leaf(random({c.columns}));
  const torch::nn::LayerNorm norm = layer_norm(c.columns);
  for (const Tensor& p : {bias, norm->weight, norm->bias}) give_gradient(p, c.present);
  const Tensor gx = random(x.sizes()), gh = rounded(random(x.sizes()));

  const Tensor ex = exact(x), ev = exact(values), eb = exact(bias), eg = exact(norm->weight),
               et = exact(norm->bias);
  const Tensor sum = c.branch ? ex + ev + eb : ex * 1, normed = reference_norm(sum, eg, et);
  const Tensor stream = c.post ? normed : sum;
  ((stream * gx).sum() + (normed * gh).sum()).backward();

  const PoisonGuard poisoned;
  const fused::Branch branch{values, bias, 0};
  const fused::Normed out = !c.branch ? fused::norm({x}, 0, norm)
                            : c.post  ? fused::add_then_norm(x, branch, norm)
                                      : fused::add_norm(x, branch, norm);
  REQUIRE(out.stream.scalar_type() == torch::kFloat32);
  REQUIRE(out.normed.scalar_type() == torch::kBFloat16);
  check_close("stream", out.stream, stream, kFp32);
  check_close("normed", out.normed, normed, kBf16);
  torch::autograd::backward({out.stream, out.normed}, {gx, gh});
  check_close("x", x.grad(), ex.grad(), 1e-4);
  check_gradient("gamma", norm->weight, eg.grad(), c.present, 1e-4);
  check_gradient("beta", norm->bias, et.grad(), c.present, 1e-4);
  if (!c.branch) return;
  check_close("branch", values.grad(), ev.grad(), kBf16);
  check_gradient("bias", bias, eb.grad(), c.present, 1e-4);
}

Tensor reference_gelu(const Tensor& x) { return at::gelu(x, "tanh"); }

using Layer = std::function<Tensor(const Tensor& x, const Tensor& weight, const Tensor& bias)>;

void check_linear(std::int64_t rows, std::int64_t in, std::int64_t out, bool present, const Layer& layer,
                  const std::function<Tensor(const Tensor&)>& activation, bool with_bias) {
  CAPTURE(rows, in, out, present);
  const Tensor x = leaf(rounded(random({1, rows, in}))), weight = leaf(random({out, in}) / std::sqrt(in));
  const Tensor bias = leaf(random({out})), gradient = rounded(random({1, rows, out}));
  give_gradient(weight, present);
  give_gradient(bias, present);
  // The reference sees what the products see: weights rounded to bf16, and the activation's input too.
  const Tensor ex = exact(x), ew = exact(rounded(weight)), eb = exact(rounded(bias));
  Tensor hidden = at::linear(ex, ew, with_bias ? eb : Tensor());
  hidden = hidden + (rounded(hidden.detach()) - hidden.detach());
  const Tensor expected = activation(hidden);
  expected.backward(gradient.to(torch::kFloat64));

  const PoisonGuard poisoned;
  const Tensor actual = layer(x, weight, bias);
  check_close("out", actual, expected, kBf16);
  actual.backward(gradient);
  check_close("x", x.grad(), ex.grad(), kBf16);
  check_gradient("weight", weight, ew.grad(), present, kBf16);
  if (with_bias) check_gradient("bias", bias, eb.grad(), present, kBf16);
}

}  // namespace

TEST_CASE("Residual and layer norm, forward and backward, of any size") {
  if (!gpu_is_there()) return;
  for (const std::int64_t columns : kColumns)
    for (const std::int64_t rows : kRows) {
      const bool present = (rows + columns) % 2 == 0;
      check_norm({rows, columns, false, false, present});
      check_norm({rows, columns, true, false, !present});
      check_norm({rows, columns, true, true, present});
    }
  check_norm({5000, 128, true, false, true});  // several rows a block
  check_norm({9, 8192, true, true, true});
  check_norm({9, 8191, true, false, false});
}

TEST_CASE("The end of a residual block") {
  if (!gpu_is_there()) return;
  for (const std::int64_t columns : kColumns)
    for (const std::int64_t rows : kRows) {
      CAPTURE(rows, columns);
      const Tensor base = leaf(random({1, rows, columns})),
                   values = leaf(rounded(random({1, rows, columns})));
      const Tensor bias = leaf(random({columns})), gradient = random(base.sizes());
      const PoisonGuard poisoned;
      const Tensor sum = fused::add({base, values, bias}, 0);
      check_close("sum", sum, base.detach().to(torch::kFloat64) + values.detach() + bias.detach(), kFp32);
      sum.backward(gradient);
      REQUIRE(torch::equal(base.grad(), gradient));
      REQUIRE(torch::equal(values.grad(), rounded(gradient)));
      check_close("bias", bias.grad(), gradient.to(torch::kFloat64).sum(1).squeeze(0), kFp32);
    }
}

TEST_CASE("Linear maps with their activations, of any size") {
  if (!gpu_is_there()) return;
  const auto none = [](const Tensor& x) { return x * 1; };
  const auto relu = [](const Tensor& x) { return at::relu(x); };
  for (const std::int64_t rows : kRows)
    for (const auto& [in, out] : std::vector<std::pair<std::int64_t, std::int64_t>>{
             {65, 3}, {768, 1000}, {24, 96}, {3, 767}, {16, 1}}) {
      const bool present = (rows + in) % 2 == 0;
      check_linear(
          rows, in, out, present,
          [](const Tensor& x, const Tensor& w, const Tensor&) { return fused::linear(x, w); }, none, false);
      check_linear(
          rows, in, out, !present,
          [](const Tensor& x, const Tensor& w, const Tensor& b) { return fused::linear_gelu(x, w, b); },
          reference_gelu, true);
      check_linear(
          rows, in, out, present,
          [](const Tensor& x, const Tensor& w, const Tensor& b) { return fused::linear_relu(x, w, b, 0); },
          relu, true);
    }
}

TEST_CASE("GELU at its ends") {
  if (!gpu_is_there()) return;
  const Tensor x =
      leaf(rounded(torch::tensor({-1e30F, -40.0F, -10.0F, -1.0F, 0.0F, 1.0F, 10.0F, 40.0F, 1e30F})
                       .to(torch::kCUDA)
                       .view({9, 1})));
  const Tensor weight = torch::ones({1, 1}, random({1}).options()),
               bias = torch::zeros({1}, weight.options());
  const Tensor y = fused::linear_gelu(x, weight, bias);
  y.backward(torch::ones_like(y));
  const Tensor ex = exact(x),
               expected = reference_gelu(ex.clamp(-50, 50)) + (ex - ex.clamp(-50, 50)).clamp_min(0);
  for (std::int64_t i = 0; i < 9; ++i) {
    CAPTURE(i);
    CHECK(y[i].item<double>() == Approx(expected[i].item<double>()).epsilon(1e-2).margin(1e-3));
  }
  CHECK(x.grad()[0].item<double>() == 0);
  CHECK(x.grad()[4].item<double>() == 0.5);
  CHECK(x.grad()[8].item<double>() == 1);
}

TEST_CASE("Dropout: the share it should, another mask each time, the same one backward") {
  if (!gpu_is_there()) return;
  constexpr double kShare = 0.1;
  for (const std::int64_t columns : std::vector<std::int64_t>{768, 767}) {
    CAPTURE(columns);
    const Tensor zeros = torch::zeros({4, 256, columns}, random({1}).options());
    const auto masked = [&](Tensor& values, Tensor& bias) {
      values = leaf(rounded(zeros + 1));
      bias = leaf(torch::zeros({columns}, zeros.options()));
      return fused::add({zeros, values, bias}, kShare);
    };
    Tensor values, bias, other_values, other_bias;
    const Tensor sum = masked(values, bias), other = masked(other_values, other_bias);
    const Tensor kept = sum.gt(0).to(torch::kFloat64);
    CHECK(kept.mean().item<double>() == Approx(1 - kShare).margin(2e-3));
    CHECK((kept * other.gt(0)).mean().item<double>() == Approx(0.81).margin(3e-3));  // independent
    CHECK(kept.mean(0).std().item<double>() == Approx(std::sqrt(0.09 / 4)).epsilon(0.05));
    CHECK(largest_difference(sum, kept / 0.9) < 1e-5);
    sum.backward(torch::ones_like(sum));
    CHECK(torch::equal(values.grad(), rounded(sum.detach())));
    check_close("bias", bias.grad(), (kept / 0.9).flatten(0, 1).sum(0), kFp32);

    const torch::nn::LayerNorm norm = layer_norm(columns);
    const Tensor again = leaf(rounded(zeros + 1));
    const Tensor stream =
        fused::add_norm(zeros, {again, torch::zeros_like(bias).detach(), kShare}, norm).stream;
    stream.backward(torch::ones_like(stream));
    CHECK(torch::equal(again.grad(), rounded(stream.detach())));

    const Tensor weight = torch::eye(columns, zeros.options()), x = leaf(rounded(zeros + 1));
    const Tensor y = fused::linear_relu(x, weight, torch::zeros({columns}, zeros.options()), kShare);
    CHECK(y.gt(0).to(torch::kFloat64).mean().item<double>() == Approx(1 - kShare).margin(2e-3));
    y.backward(torch::ones_like(y));
    CHECK(torch::equal(x.grad(), y.detach()));

    const Tensor table = leaf(torch::ones({5, columns}, zeros.options()));
    const Tensor places = torch::zeros({256, columns}, zeros.options());
    const Tensor tokens = torch::randint(5, {4, 256}, zeros.options().dtype(torch::kInt64));
    const Tensor found = fused::look_up(tokens, table, places, kShare);
    CHECK(found.gt(0).to(torch::kFloat64).mean().item<double>() == Approx(1 - kShare).margin(2e-3));
    found.backward(torch::ones_like(found));
    CHECK(table.grad().sum().item<double>() == Approx(found.sum().item<double>()).epsilon(1e-4));
  }
}

namespace {

struct AttentionCase {
  std::int64_t batch, length, width, heads;
  bool causal;
};

// Deterministic mode may choose another of LibTorch's kernels: with poison and without. Backward they round
// the attention's weights and both gradients of the scores to bf16 as well, hence twice the bound.
void check_attention(const AttentionCase& c, bool poison) {
  CAPTURE(poison, c.batch, c.length, c.width, c.heads, c.causal);
  const Tensor x = leaf(rounded(random({c.batch, c.length, c.width})));
  const Tensor weight = leaf(random({3 * c.width, c.width}) / std::sqrt(c.width)),
               bias = leaf(random({3 * c.width}));
  const Tensor gradient = rounded(random(x.sizes()));
  Tensor mask = torch::zeros({c.batch, 1, 1, c.length}, bias.options().requires_grad(false));
  if (!c.causal) mask.narrow(3, c.length - 5, 5).fill_(-std::numeric_limits<float>::infinity());
  give_gradient(weight, c.causal);

  const Tensor ex = exact(x), ew = exact(rounded(weight)), eb = exact(rounded(bias));
  Tensor qkv = at::linear(ex, ew, eb);
  qkv = qkv + (rounded(qkv.detach()) - qkv.detach());
  const Tensor parts = qkv.view({c.batch, c.length, 3, c.heads, -1}).permute({2, 0, 3, 1, 4});
  Tensor scores = at::matmul(parts[0], parts[1].transpose(2, 3)) / std::sqrt(c.width / c.heads) + mask;
  if (c.causal)
    scores =
        scores.masked_fill(torch::ones_like(scores).triu(1).gt(0), -std::numeric_limits<double>::infinity());
  const Tensor expected = at::matmul(scores.softmax(-1), parts[2]).transpose(1, 2).reshape(x.sizes());
  expected.backward(gradient.to(torch::kFloat64));

  std::optional<PoisonGuard> poisoned;
  if (poison) poisoned.emplace();
  const Tensor actual =
      fused::attention(x, {weight, bias, c.causal ? std::nullopt : std::optional<Tensor>(mask), c.heads, 0});
  check_close("out", actual, expected, kBf16);
  actual.backward(gradient);
  check_close("x", x.grad(), ex.grad(), 2 * kBf16);
  check_gradient("weight", weight, ew.grad(), c.causal, 2 * kBf16);
  check_gradient("bias", bias, eb.grad(), false, 2 * kBf16);
}

}  // namespace

TEST_CASE("Attention, causal and masked, of any length") {
  if (!gpu_is_there()) return;
  for (const AttentionCase& c : std::vector<AttentionCase>{{2, 65, 64, 4, true},
                                                           {2, 65, 64, 4, false},
                                                           {1, 7, 24, 3, true},
                                                           {3, 130, 128, 2, true},
                                                           {2, 1, 32, 2, true},
                                                           {2, 31, 60, 3, false},
                                                           {2, 64, 768, 12, true}})
    for (const bool poison : {true, false}) check_attention(c, poison);
}

TEST_CASE("The head's logits lie in rows of 128 bytes, whichever gradient comes back") {
  if (!gpu_is_there()) return;
  for (const std::int64_t vocabulary : std::vector<std::int64_t>{257, 256, 1, 1000})
    for (const bool in_place : {true, false}) {
      CAPTURE(vocabulary, in_place);
      const Tensor x = leaf(rounded(random({3, 7, 24}))), weight = leaf(random({vocabulary, 24}));
      const Tensor gradient = rounded(random({3, 7, vocabulary}));
      give_gradient(weight, in_place);
      const Tensor ex = exact(x), ew = exact(rounded(weight)), expected = at::linear(ex, ew);
      expected.backward(gradient.to(torch::kFloat64));
      const PoisonGuard poisoned;
      const Tensor logits = fused::head(x, weight);
      check_close("logits", logits, expected, kBf16);
      CHECK(logits.stride(1) == (vocabulary + 63) / 64 * 64);
      Tensor back = gradient;
      if (in_place) {
        back = logits.detach();
        back.copy_(gradient);
      }
      logits.backward(back);
      check_close("x", x.grad(), ex.grad(), kBf16);
      check_gradient("weight", weight, ew.grad(), in_place, kBf16);
    }
}

TEST_CASE("Looking up tokens, and their gradient in a table that is there") {
  if (!gpu_is_there()) return;
  for (const std::int64_t columns : std::vector<std::int64_t>{1, 65, 768})
    for (const bool present : {true, false}) {
      CAPTURE(columns, present);
      const Tensor weight = leaf(random({11, columns})), positions = leaf(random({40, columns}));
      const Tensor tokens =
          torch::randint(11, {5, 33}, weight.options().dtype(torch::kInt64).requires_grad(false));
      const Tensor gradient = random({5, 33, columns});
      give_gradient(weight, present);
      give_gradient(positions, present);
      const Tensor ew = exact(weight), ep = exact(positions);
      const Tensor expected = at::embedding(ew, tokens) + ep.narrow(0, 0, 33);
      expected.backward(gradient.to(torch::kFloat64));
      const PoisonGuard poisoned;
      const Tensor actual = fused::look_up(tokens, weight, positions, 0);
      check_close("rows", actual, expected, kFp32);
      actual.backward(gradient);
      check_gradient("table", weight, ew.grad(), present, kFp32);
      check_gradient("positions", positions, ep.grad(), present, kFp32);
    }
}
