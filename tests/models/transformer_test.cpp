#include <torch/nn/modules/transformerlayer.h>

#include "models/helpers.hpp"
#include "nn/encoder_layer.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

const EncoderOptions kSmall{10, 16, 4, 24, 0.0};

torch::nn::TransformerEncoderLayer torch_layer(const EncoderOptions& options) {
  return torch::nn::TransformerEncoderLayer(
      torch::nn::TransformerEncoderLayerOptions(options.width, options.heads)
          .dim_feedforward(options.feed_forward)
          .dropout(options.dropout));
}

// The same weights by name in both; fails when a name is missing.
void copy_weights(const torch::nn::Module& from, torch::nn::Module& to) {
  const torch::NoGradGuard no_grad;
  auto target = to.named_parameters();
  REQUIRE(from.named_parameters().size() == target.size());
  for (const auto& item : from.named_parameters())
    target[item.key()].copy_(item.value() + 0.1 * torch::randn_like(item.value()));
  for (const auto& item : from.named_parameters())
    from.named_parameters()[item.key()].copy_(target[item.key()]);
}

torch::Tensor as_bias(const torch::Tensor& padding) {
  return torch::zeros(padding.sizes())
      .masked_fill_(padding, -std::numeric_limits<float>::infinity())
      .unsqueeze(1)
      .unsqueeze(1);
}

Given tiny() { return {{"embedding", "16"}, {"heads", "2"}, {"feed_forward", "24"}, {"dropout", "0"}}; }

}  // namespace

TEST_CASE("An encoder layer is LibTorch's, with a padding mask: values and every gradient") {
  torch::manual_seed(3);
  EncoderLayer ours(kSmall, 0, std::make_shared<DropoutContext>());
  auto theirs = torch_layer(kSmall);
  copy_weights(*theirs, ours);
  const torch::Tensor lengths = torch::tensor({10, 1, 4, 9, 7});
  const torch::Tensor padding = torch::arange(10).unsqueeze(0) >= lengths.unsqueeze(1);  // (B, T)
  const torch::Tensor real = padding.logical_not().unsqueeze(2);
  const torch::Tensor x = torch::randn({5, 10, 16});
  for (const bool training : {false, true}) {
    CAPTURE(training);
    ours.train(training);
    theirs->train(training);
    ours.zero_grad();
    theirs->zero_grad();
    torch::Tensor a = x.clone().requires_grad_(), b = x.clone().requires_grad_();
    const torch::Tensor ya = ours.forward({a, as_bias(padding)})[0];
    const torch::Tensor yb = theirs->forward(b.transpose(0, 1), {}, padding).transpose(0, 1);
    REQUIRE(largest_difference(ya * real, yb * real) < 1e-5);
    const torch::Tensor gradient = torch::randn_like(x) * real;
    ya.backward(gradient);
    yb.backward(gradient);
    REQUIRE(largest_difference(a.grad(), b.grad()) < 1e-4);
    const auto expected = theirs->named_parameters();
    for (const auto& item : ours.named_parameters()) {
      CAPTURE(item.key());
      REQUIRE(largest_difference(item.value().grad(), expected[item.key()].grad()) < 1e-4);
    }
  }
}

TEST_CASE("Initial weights have the distribution of PyTorch's encoder layer") {
  const EncoderOptions wide{4, 128, 4, 256, 0.1};
  torch::manual_seed(5);
  EncoderLayer ours(wide, 0, std::make_shared<DropoutContext>());
  const auto theirs = torch_layer(wide)->named_parameters();
  for (const auto& item : ours.named_parameters()) {
    CAPTURE(item.key());
    const torch::Tensor a = item.value(), b = theirs[item.key()];
    const double scale = b.abs().max().item<double>();
    REQUIRE(a.abs().max().item<double>() == Approx(scale).epsilon(0.05).margin(1e-12));
    REQUIRE(a.mean().item<double>() == Approx(b.mean().item<double>()).margin(0.1 * scale));
  }
}

TEST_CASE("Padding changes nothing: 128 and 256 positions give the same logits") {
  auto small = make("transformer", "small", kNews), wide = make("transformer", "small", kLongNews);
  copy_weights(*small, *wide);
  small->eval();
  wide->eval();
  const torch::NoGradGuard no_grad;
  torch::Tensor tokens = torch::randint(1, 20000, {4, 128}, torch::kInt64);
  tokens.index_put_({2, torch::indexing::Slice(30)}, 0);
  const torch::Tensor padded = torch::cat({tokens, torch::zeros_like(tokens)}, 1);
  REQUIRE(largest_difference(small->forward(tokens), wide->forward(padded)) < 1e-5);
}

TEST_CASE("A batch cut to a shorter length is read as before") {
  auto model = make("transformer", "small", kNews);
  model->eval();
  const torch::NoGradGuard no_grad;
  const torch::Tensor tokens = torch::randint(1, 20000, {2, 20}, torch::kInt64);
  REQUIRE(largest_difference(model->forward(tokens),
                             model->forward(torch::constant_pad_nd(tokens, {0, 108}))) < 1e-5);
}

TEST_CASE("A document without a token is not NaN, alone or in a batch, forward or backward") {
  auto model = make("transformer", "small", {{8}, 30, 3}, tiny());
  const torch::Tensor tokens = torch::tensor({{0, 0, 0, 0, 0, 0, 0, 0}, {3, 4, 5, 0, 0, 0, 0, 0}});
  const torch::Tensor logits = model->forward(tokens);
  REQUIRE(logits.isfinite().all().item<bool>());
  logits.sum().backward();
  for (const torch::Tensor& parameter : model->parameters())
    REQUIRE(parameter.grad().isfinite().all().item<bool>());
  REQUIRE(largest_difference(model->forward(tokens.narrow(0, 1, 1)), logits.narrow(0, 1, 1)) < 1e-5);
}

TEST_CASE("A padded position gets no gradient") {
  auto model = make("transformer", "small", {{8}, 30, 3}, tiny());
  model->forward(torch::tensor({{3, 4, 5, 0, 0, 0, 0, 0}})).pow(2).sum().backward();
  const torch::Tensor gradient = model->named_parameters()["embedding.embedding.weight"].grad();
  REQUIRE(gradient[0].abs().max().item<double>() == 0);
  REQUIRE(gradient[3].abs().max().item<double>() > 0);
}

TEST_CASE("Gradients agree with finite differences") {
  auto model = make("transformer", "small", {{6}, 12, 2}, tiny());
  model->to(torch::kFloat64);
  const torch::Tensor tokens = torch::tensor({{1, 2, 3, 4, 0, 0}, {5, 6, 0, 0, 0, 0}});
  const auto loss = [&] { return at::cross_entropy_loss(model->forward(tokens), torch::tensor({0, 1})); };
  loss().backward();
  const torch::NoGradGuard no_grad;
  for (const auto& item : model->named_parameters()) {
    const torch::Tensor direction = torch::randn_like(item.value());
    const double step = 1e-6;
    item.value().add_(direction, step);
    const double up = loss().item<double>();
    item.value().add_(direction, -2 * step);
    const double down = loss().item<double>();
    item.value().add_(direction, step);
    CAPTURE(item.key());
    REQUIRE((up - down) / (2 * step) ==
            Approx((item.value().grad() * direction).sum().item<double>()).epsilon(1e-4).margin(1e-7));
  }
}
