#include "nn/dropout.hpp"

#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include "base/philox.hpp"
#include "models/helpers.hpp"
#include "nn/attention.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

using Block = std::array<std::uint32_t, 4>;

Dropout make_dropout(double p, std::uint32_t site = 3, const DropoutContext& context = {42, 7, 0}) {
  return Dropout(p, site, std::make_shared<DropoutContext>(context));
}

torch::Tensor mask_of(const Dropout& dropout, at::IntArrayRef shape) {
  return (dropout.apply(torch::ones(shape), true) != 0).to(torch::kFloat64);
}

// |correlation| of n independent coin flips is below 5 / sqrt(n) but once in a million times.
void require_independent(const torch::Tensor& a, const torch::Tensor& b) {
  const torch::Tensor x = a.flatten() - a.mean(), y = b.flatten() - b.mean();
  const double correlation = ((x * y).mean() / (x.square().mean() * y.square().mean()).sqrt()).item<double>();
  REQUIRE(std::fabs(correlation) < 5 / std::sqrt(static_cast<double>(x.numel())));
}

}  // namespace

TEST_CASE("Philox gives the published vectors") {
  REQUIRE(philox({0, 0, 0, 0}, {0, 0}) == Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  constexpr std::uint32_t ones = 0xffffffff;
  REQUIRE(philox({ones, ones, ones, ones}, {ones, ones}) ==
          Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  REQUIRE(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
          Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("The vectorised mask is the one that the header describes") {
  const double p = 0.3;
  const Dropout dropout = make_dropout(p, 9, {0x123456789abcdefULL, 5, 100});
  for (const std::int64_t size : {1, 127, 128, 129, 1000}) {
    const torch::Tensor mask = mask_of(dropout, {2, size});
    for (std::int64_t b = 0; b < 2; ++b) {
      for (std::int64_t e = 0; e < size; ++e) {
        const auto lane = static_cast<std::uint32_t>(e / 128 * 16 + e % 16);
        const auto half = static_cast<std::size_t>(e % 128 / 16);
        const Block bits =
            philox({lane, static_cast<std::uint32_t>(100 + b), 5, 9}, {0x89abcdef, 0x01234567});
        const std::uint32_t sixteen = half % 2 == 0 ? bits[half / 2] & 0xffff : bits[half / 2] >> 16;
        REQUIRE((mask[b][e].item<double>() != 0) ==
                (sixteen >= static_cast<std::uint32_t>(std::lround(p * 65536))));
      }
    }
  }
}

TEST_CASE("Dropout keeps its rate and the mean") {
  for (const double p : {0.1, 0.5, 0.9}) {
    CAPTURE(p);
    const torch::Tensor y = make_dropout(p).apply(torch::ones({64, 128, 128}), true);
    const double n = static_cast<double>(y.numel());
    REQUIRE((y != 0).to(torch::kFloat64).mean().item<double>() ==
            Approx(1 - p).margin(5 * std::sqrt(p * (1 - p) / n) + 1e-5));
    REQUIRE(y.to(torch::kFloat64).mean().item<double>() ==
            Approx(1).margin(5 * std::sqrt(p / (1 - p) / n) + 1e-4));
    REQUIRE(y.max().item<double>() == Approx(1 / (1 - p)).epsilon(1e-4));
  }
  const torch::Tensor x = torch::randn({4, 5});
  REQUIRE(torch::equal(make_dropout(0).apply(x, true), x));
  REQUIRE(torch::equal(make_dropout(0.5).apply(x, false), x));
}

TEST_CASE("Masks of other samples, steps, places, seeds and neighbours are independent") {
  const std::vector<std::int64_t> shape{8, 4096};
  const torch::Tensor mask = mask_of(make_dropout(0.5), shape);
  require_independent(mask, mask_of(make_dropout(0.5, 4), shape));
  require_independent(mask, mask_of(make_dropout(0.5, 3, {42, 8, 0}), shape));
  require_independent(mask, mask_of(make_dropout(0.5, 3, {43, 7, 0}), shape));
  require_independent(mask, mask_of(make_dropout(0.5, 3, {42 + (1ULL << 32), 7, 0}), shape));
  require_independent(mask.slice(0, 1), mask.slice(0, 0, 7));
  for (const std::int64_t distance : {1, 15, 16, 32, 128}) {
    CAPTURE(distance);
    require_independent(mask.slice(1, distance), mask.slice(1, 0, 4096 - distance));
  }
}

TEST_CASE("A sample's mask follows its place in the global batch, not its row") {
  const Dropout whole = make_dropout(0.4, 3, {42, 7, 0}), second = make_dropout(0.4, 3, {42, 7, 5});
  const torch::Tensor x = torch::randn({8, 3, 50});
  REQUIRE(torch::equal(whole.apply(x, true).slice(0, 5), second.apply(x.slice(0, 5), true)));
}

TEST_CASE("The backward pass of every form masks as its forward pass did") {
  torch::manual_seed(2);
  const Dropout dropout = make_dropout(0.25);
  const torch::Tensor mask = dropout.apply(torch::ones({6, 7, 33}), true), values = torch::randn({6, 7, 33});
  torch::Tensor x = values.clone().requires_grad_(), base = torch::randn_like(values).requires_grad_();
  const torch::Tensor gradient = torch::randn_like(values);
  const auto gradients = [&](const torch::Tensor& y, const std::vector<torch::Tensor>& inputs) {
    return torch::autograd::grad({y}, inputs, {gradient});
  };
  const torch::Tensor y = dropout.apply(x, true);
  REQUIRE(torch::equal(y, values * mask));
  REQUIRE(torch::equal(gradients(y, {x})[0], gradient * mask));

  const torch::Tensor sum = dropout.apply_add(x, base, true);
  REQUIRE(largest_difference(sum, base + values * mask) < 1e-6);
  const auto both = gradients(sum, {x, base});
  REQUIRE(torch::equal(both[0], gradient * mask));
  REQUIRE(torch::equal(both[1], gradient));

  const torch::Tensor positive = dropout.apply_relu(x * 1, true);
  REQUIRE(torch::equal(positive, values.relu() * mask));
  REQUIRE(torch::equal(gradients(positive, {x})[0], gradient * mask * (values > 0)));
}

TEST_CASE("A gradient of another layout is masked in the right places") {
  const Dropout dropout = make_dropout(0.5);
  torch::Tensor x = torch::randn({4, 6, 10}).requires_grad_();
  const torch::Tensor y = dropout.apply(x, true);
  const torch::Tensor gradient = torch::randn({10, 6, 4}).permute({2, 1, 0});
  y.backward(gradient);
  REQUIRE(torch::equal(x.grad(), gradient * dropout.apply(torch::ones_like(y), true)));
}

namespace {

// Attention by LibTorch's plain operations with a given mask factor (B, heads, T, T), in fp64.
torch::Tensor plain_attention(const torch::Tensor& qkv, const torch::Tensor& bias, std::int64_t heads,
                              const torch::Tensor& mask) {
  const std::int64_t batch = qkv.size(0), length = qkv.size(1), width = qkv.size(2) / 3;
  const torch::Tensor parts = qkv.view({batch, length, 3, heads, width / heads}).permute({2, 0, 3, 1, 4});
  const double scale = 1 / std::sqrt(static_cast<double>(width / heads));
  const torch::Tensor weights = ((parts[0].matmul(parts[1].transpose(2, 3))) * scale + bias).softmax(-1);
  return (weights * mask).matmul(parts[2]).transpose(1, 2).reshape({batch, length, width});
}

// The mask factor that attention uses, seen from outside: identity values, weights 1 / T.
torch::Tensor attention_mask(const Dropout& dropout, std::int64_t batch, std::int64_t length,
                             std::int64_t heads) {
  const std::int64_t width = heads * length;
  torch::Tensor qkv = torch::zeros({batch, length, 3 * width});
  qkv.slice(2, 2 * width).copy_(torch::eye(length).repeat({1, heads}).expand({batch, length, width}));
  const torch::Tensor y = self_attention(qkv, torch::zeros({batch, 1, 1, length}), heads, dropout, true);
  return (y * static_cast<double>(length)).view({batch, length, heads, length}).transpose(1, 2);
}

// The presets with sanitizers compile with -O1, where 3.3e-5 was seen.
#ifdef __SANITIZE_ADDRESS__
constexpr double kNear = 5e-5;
#else
constexpr double kNear = 2e-5;
#endif

}  // namespace

TEST_CASE("Attention with dropout is softmax, mask and product, forward and backward") {
  torch::manual_seed(4);
  for (const std::int64_t length : {1, 7, 40}) {
    for (const double p : {0.0, 0.3}) {
      CAPTURE(length, p);
      const std::int64_t batch = 5, heads = 3, width = 12;
      const Dropout dropout = make_dropout(p);
      const torch::Tensor mask = attention_mask(dropout, batch, length, heads).to(torch::kFloat64);
      torch::Tensor bias = torch::zeros({batch, 1, 1, length});
      if (length > 1) bias.slice(0, 1).slice(3, 4).fill_(-std::numeric_limits<float>::infinity());
      torch::Tensor a = (3 * torch::randn({batch, length, 3 * width})).requires_grad_();
      torch::Tensor b = a.detach().to(torch::kFloat64).requires_grad_();
      const torch::Tensor ya = self_attention(a, bias, heads, dropout, true),
                          yb = plain_attention(b, bias, heads, mask);
      REQUIRE(largest_difference(ya, yb) < 1e-5);
      const torch::Tensor gradient = torch::randn_like(ya);
      ya.backward(gradient);
      yb.backward(gradient.to(torch::kFloat64));
      REQUIRE(largest_difference(a.grad(), b.grad()) < kNear);
      if (length > 4)
        REQUIRE(a.grad().slice(0, 1).slice(1, 4).slice(2, width).abs().max().item<double>() == 0);
      const torch::NoGradGuard no_grad;
      REQUIRE(torch::equal(ya, self_attention(a, bias, heads, dropout, true)));
    }
  }
}

TEST_CASE("The attention mask keeps its rate in every head and sample") {
  const torch::Tensor mask = attention_mask(make_dropout(0.1), 8, 64, 4);
  const torch::Tensor kept = (mask > 0.5).to(torch::kFloat64);
  REQUIRE(kept.mean().item<double>() ==
          Approx(0.9).margin(5 * std::sqrt(0.09 / static_cast<double>(kept.numel())) + 1e-5));
  require_independent(kept.select(1, 0), kept.select(1, 1));
  require_independent(kept.select(0, 0), kept.select(0, 1));
}

TEST_CASE("Softmax stays exact for large scores") {
  torch::Tensor qkv = torch::zeros({1, 4, 6});
  qkv.slice(2, 0, 2).fill_(100);
  qkv.select(2, 2).copy_(torch::tensor({{100.0F, -100.0F, 99.9F, 0.0F}}));
  qkv.slice(2, 4).copy_(torch::eye(4).slice(1, 0, 2));
  const torch::Tensor bias = torch::zeros({1, 1, 1, 4});
  const torch::Tensor expected = plain_attention(qkv.to(torch::kFloat64), bias, 1, torch::ones({1, 1, 4, 4}));
  REQUIRE(largest_difference(self_attention(qkv, bias, 1, make_dropout(0), false), expected) < 1e-4);
}

TEST_CASE("A model with dropout on gives the same gradients whole and in shares of the batch") {
  const ModelInputs inputs{{12}, 50, 3};
  const auto model =
      make("transformer", "", inputs, {{"embedding", "16"}, {"heads", "2"}, {"dropout", "0.3"}});
  const torch::Tensor tokens = random_batch(inputs, 6), targets = torch::arange(6).remainder(3);
  const auto run = [&](std::int64_t first, std::int64_t count) {
    model->dropout_context() = {9, 4, first};
    at::cross_entropy_loss(model->forward(tokens.narrow(0, first, count)), targets.narrow(0, first, count),
                           {}, at::Reduction::Sum)
        .backward();
  };
  const auto taken = [&] {
    std::vector<torch::Tensor> gradients;
    for (const torch::Tensor& p : model->parameters()) gradients.push_back(p.grad().clone());
    model->zero_grad();
    return gradients;
  };
  run(0, 6);
  const auto whole = taken();
  run(0, 4);
  run(4, 2);
  const auto shares = taken();
  for (std::size_t i = 0; i < whole.size(); ++i) REQUIRE(largest_difference(whole[i], shares[i]) < 1e-5);
  model->dropout_context() = {9, 5, 0};
  REQUIRE_FALSE(torch::equal(model->forward(tokens), model->forward(tokens.flip(0)).flip(0)));
}

TEST_CASE("Every model trains under bf16 autocast on the CPU") {
  for (const auto& [name, inputs] :
       {std::pair{"mlp", kMnist}, {"cnn", kMnist}, {"transformer", ModelInputs{{12}, 50, 3}}}) {
    CAPTURE(name);
    const auto model = make(name, "", inputs);
    const torch::Tensor batch = random_batch(inputs, 2);
    const torch::Tensor exact = [&] {
      const torch::NoGradGuard no_grad;
      return model->forward(batch);
    }();
    at::autocast::set_autocast_enabled(at::kCPU, true);
    at::autocast::set_autocast_dtype(at::kCPU, torch::kBFloat16);
    const torch::Tensor logits = model->forward(batch);
    at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(at::kCPU, false);
    REQUIRE(logits.scalar_type() == torch::kBFloat16);
    REQUIRE(largest_difference(logits.to(torch::kFloat32), exact) < 0.05);
    logits.to(torch::kFloat32).sum().backward();
    for (const torch::Tensor& parameter : model->parameters())
      REQUIRE(parameter.grad().isfinite().all().item<bool>());
  }
}
