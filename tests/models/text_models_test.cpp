// What holds for every classifier of text: padding is never read.
#include "models/helpers.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

struct Case {
  std::string name;
  Given small;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all{
      {"nbow", {{"embedding", "16"}}},
      {"text_cnn", {{"embedding", "16"}, {"filters", "12"}}},
      {"text_cnn", {{"embedding", "5"}, {"filters", "70"}, {"kernels", "[1, 4]"}}},
      {"lstm", {{"embedding", "16"}, {"hidden", "12"}}},
      {"gru", {{"embedding", "16"}, {"hidden", "12"}}},
      {"gru", {{"embedding", "16"}, {"hidden", "12"}, {"layers", "3"}, {"bidirectional", "false"}}}};
  return all;
}

constexpr std::int64_t kVocabulary = 60;
const ModelInputs kTexts{{24}, kVocabulary, 3};

std::shared_ptr<Model> make_small(const Case& c) {
  auto model = make(c.name, "", kTexts, c.small);
  model->eval();
  return model;
}

torch::Tensor widened(const torch::Tensor& tokens, std::int64_t more) {
  return torch::constant_pad_nd(tokens, {0, more});
}

}  // namespace

TEST_CASE("A batch padded to any length gives the same logits") {
  const torch::NoGradGuard no_grad;
  for (const Case& c : cases()) {
    CAPTURE(c.name);
    const auto model = make_small(c);
    const torch::Tensor tokens = documents({24, 3, 1, 0, 17}, 24, kVocabulary);
    const torch::Tensor logits = model->forward(tokens);
    REQUIRE(largest_difference(logits, model->forward(widened(tokens, 1))) < 1e-5);
    REQUIRE(largest_difference(logits, model->forward(widened(tokens, 100))) < 1e-5);
  }
}

TEST_CASE("At full size 128 and 256 positions give the same logits") {
  const torch::NoGradGuard no_grad;
  for (const Case& c : cases()) {
    CAPTURE(c.name);
    const auto model = make(c.name, "", kNews);
    model->eval();
    const torch::Tensor tokens = documents({128, 40, 1}, 128, 20000);
    REQUIRE(largest_difference(model->forward(tokens), model->forward(widened(tokens, 128))) < 1e-5);
  }
}

TEST_CASE("A document's logits do not depend on its neighbours") {
  const torch::NoGradGuard no_grad;
  for (const Case& c : cases()) {
    CAPTURE(c.name);
    const auto model = make_small(c);
    const torch::Tensor tokens = documents({2, 9, 0, 24, 1, 9}, 24, kVocabulary);
    const torch::Tensor logits = model->forward(tokens);
    for (std::int64_t b = 0; b < tokens.size(0); ++b)
      REQUIRE(largest_difference(logits[b], model->forward(tokens.narrow(0, b, 1))[0]) < 1e-5);
    REQUIRE(largest_difference(logits.flip(0), model->forward(tokens.flip(0))) < 1e-5);
  }
}

TEST_CASE("A batch of empty documents gives finite logits and gradients, and padding gets none") {
  for (const Case& c : cases()) {
    CAPTURE(c.name);
    const auto model = make_small(c);
    const torch::Tensor logits = model->forward(torch::zeros({2, 24}, torch::kInt64));
    REQUIRE(logits.isfinite().all().item<bool>());
    (logits.square().sum() + model->forward(documents({4, 0}, 24, kVocabulary)).square().sum()).backward();
    for (const torch::Tensor& parameter : model->parameters())
      REQUIRE(parameter.grad().isfinite().all().item<bool>());
    const torch::Tensor table = model->named_parameters()["embedding.embedding.weight"].grad();
    REQUIRE(table[0].abs().max().item<double>() == 0);
    REQUIRE(table.abs().max().item<double>() > 0);
  }
}

TEST_CASE("Gradients agree with finite differences of the model in double precision") {
  for (const Case& c : cases()) {
    CAPTURE(c.name);
    const auto single = make_small(c), exact = make_small(c);
    exact->to(torch::kFloat64);
    const torch::Tensor tokens = documents({24, 3, 1, 0, 17}, 24, kVocabulary);
    const torch::Tensor targets = torch::tensor({0, 1, 2, 0, 1});
    at::cross_entropy_loss(single->forward(tokens), targets).backward();
    const torch::NoGradGuard no_grad;
    const auto loss = [&] { return at::cross_entropy_loss(exact->forward(tokens), targets).item<double>(); };
    const auto gradients = single->named_parameters();
    for (const auto& item : exact->named_parameters()) {
      CAPTURE(item.key());
      const torch::Tensor direction = torch::randn_like(item.value());
      const double step = 1e-6;
      item.value().add_(direction, step);
      const double up = loss();
      item.value().add_(direction, -2 * step);
      const double down = loss();
      item.value().add_(direction, step);
      const double expected =
          (gradients[item.key()].grad().to(torch::kFloat64) * direction).sum().item<double>();
      REQUIRE((up - down) / (2 * step) == Approx(expected).epsilon(2e-4).margin(1e-5));
    }
  }
}
