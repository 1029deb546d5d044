#include <ATen/autocast_mode.h>

#include "models/generate.hpp"
#include "models/helpers.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

ModelInputs text_of(std::int64_t length, std::int64_t vocabulary) {
  return {{length}, vocabulary, 0, SampleKind::tokens};
}

std::shared_ptr<Model> tiny(const Given& more = {}, std::int64_t length = 20) {
  Given given{{"embedding", "24"}, {"heads", "3"}, {"layers", "2"}, {"context", "24"}};
  given.insert(given.end(), more.begin(), more.end());
  return make("gpt", "", text_of(length, 40), given);
}

torch::Tensor tokens(std::int64_t batch, std::int64_t length) {
  return torch::randint(0, 40, {batch, length}, torch::kInt64);
}

torch::Tensor loss_of(Model& model, const torch::Tensor& text) {
  const std::int64_t length = text.size(1) - 1;
  return at::cross_entropy_loss(model.forward(text.narrow(1, 0, length)).flatten(0, 1),
                                text.narrow(1, 1, length).flatten());
}

}  // namespace

TEST_CASE("gpt has GPT-2's parameter counts") {
  REQUIRE(make("gpt", "", text_of(128, 256))->parameter_count() == 842'496);
  REQUIRE(make("gpt", "gpt2_124m", text_of(1024, 50257))->parameter_count() == 124'439'808);
}

TEST_CASE("gpt starts as GPT-2 does") {
  const auto model = make("gpt", "mini", text_of(128, 256));
  for (const auto& item : model->named_parameters()) {
    CAPTURE(item.key());
    const bool norm = item.key().find("norm") != std::string::npos;
    const bool residual =
        item.key().find("linear2") != std::string::npos || item.key().find("out_proj") != std::string::npos;
    if (item.value().dim() == 1) {
      const double expected = norm && item.key().find("weight") != std::string::npos ? 1 : 0;
      REQUIRE((item.value() == expected).all().item<bool>());
    } else {
      REQUIRE(item.value().mean().item<double>() == Approx(0).margin(1e-3));
      REQUIRE(item.value().std().item<double>() ==
              Approx(residual ? 0.02 / std::sqrt(8.0) : 0.02).epsilon(0.03));
    }
  }
}

TEST_CASE("No logit depends on a later token") {
  const auto model = tiny();
  model->eval();
  const torch::NoGradGuard no_grad;
  const torch::Tensor text = tokens(2, 20), before = model->forward(text);
  REQUIRE(before.sizes() == at::IntArrayRef({2, 20, 40}));
  for (const std::int64_t t : {0, 7, 19}) {
    torch::Tensor changed = text.clone();
    changed.select(1, t).add_(1).remainder_(40);
    const torch::Tensor difference = (model->forward(changed) - before).abs().amax(2);  // (B, T)
    REQUIRE(difference.narrow(1, 0, t).sum().item<double>() == 0);
    REQUIRE(difference.narrow(1, t, 20 - t).min().item<double>() > 1e-6);
  }
}

TEST_CASE("The head reads the embedding's weight, which is one parameter, until it owns a copy") {
  const auto model = tiny();
  Layer& head = *model->layers().back().layer;
  const torch::Tensor weight = model->layers().front().layer->named_parameters()["weight"];
  REQUIRE(head.tied_weight().is_same(weight));
  REQUIRE(head.parameters().size() == 2);  // the layer norm's
  const std::int64_t count = model->parameter_count();
  const torch::Tensor text = tokens(2, 12);
  loss_of(*model, text).backward();
  const torch::Tensor both = weight.grad().clone();

  head.own_tied_weight();
  REQUIRE_FALSE(head.tied_weight().defined());
  REQUIRE(model->parameter_count() == count + weight.numel());
  model->zero_grad();
  loss_of(*model, text).backward();
  const torch::Tensor own = head.named_parameters()["weight"];
  REQUIRE(torch::equal(own, weight));
  REQUIRE(own.grad().abs().max().item<double>() > 0);
  REQUIRE(largest_difference(weight.grad() + own.grad(), both) < 1e-6);
}

TEST_CASE("Recomputation gives the same loss and gradients, with dropout and after the context moved on") {
  const torch::Tensor first = tokens(3, 20), second = tokens(3, 20);
  const auto kept = tiny(), recomputed = tiny({{"recompute", "true"}});
  std::vector<torch::Tensor> losses;
  for (Model* model : {kept.get(), recomputed.get()}) {
    model->dropout_context() = {5, 9, 0};
    const torch::Tensor a = loss_of(*model, first);
    model->dropout_context() = {5, 9, 3};  // the next micro batch, before the backward pass of the first
    const torch::Tensor b = loss_of(*model, second);
    a.backward();
    b.backward();
    losses.push_back(torch::stack({a, b}).detach());
    REQUIRE(model->dropout_context().first_sample == 3);
  }
  REQUIRE(torch::equal(losses[0], losses[1]));
  const auto expected = kept->named_parameters();
  for (const auto& item : recomputed->named_parameters()) {
    CAPTURE(item.key());
    REQUIRE(torch::equal(item.value().grad(), expected[item.key()].grad()));
  }
}

TEST_CASE("gpt runs in bf16, recomputed or not") {
  for (const char* recompute : {"false", "true"}) {
    const auto model = tiny({{"recompute", recompute}});
    const auto exact = tiny({{"recompute", recompute}});
    const torch::Tensor text = tokens(2, 20);
    const torch::Tensor expected = loss_of(*exact, text);
    expected.backward();
    at::autocast::set_autocast_dtype(torch::kCPU, torch::kBFloat16);
    at::autocast::set_autocast_enabled(torch::kCPU, true);
    at::autocast::increment_nesting();
    const torch::Tensor logits = model->forward(text.narrow(1, 0, 19));
    at::autocast::decrement_nesting();
    at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(torch::kCPU, false);
    REQUIRE(logits.scalar_type() == torch::kBFloat16);
    const torch::Tensor loss =
        at::cross_entropy_loss(logits.to(torch::kFloat32).flatten(0, 1), text.narrow(1, 1, 19).flatten());
    REQUIRE(loss.item<double>() == Approx(expected.item<double>()).epsilon(1e-2));
    loss.backward();
    REQUIRE_FALSE(at::autocast::is_autocast_enabled(torch::kCPU));
    const auto other = exact->named_parameters();
    for (const auto& item : model->named_parameters()) {
      CAPTURE(recompute, item.key());
      const torch::Tensor gradient = item.value().grad(), reference = other[item.key()].grad();
      REQUIRE((gradient - reference).norm().item<double>() < 0.05 * reference.norm().item<double>() + 1e-4);
    }
  }
}

TEST_CASE("gpt continues a text: by seed, within its context, and as it has learnt") {
  const auto model = tiny({}, 16);
  auto* writer = dynamic_cast<TokenGenerator*>(model.get());
  REQUIRE(writer != nullptr);
  const torch::Tensor prompt = torch::tensor({{0, 1, 2}});
  const torch::Tensor text = writer->generate(prompt, 40, 1.0, 3);  // longer than the context of 24
  REQUIRE(text.sizes() == at::IntArrayRef({1, 43}));
  REQUIRE(torch::equal(text.narrow(1, 0, 3), prompt));
  REQUIRE(torch::equal(text, writer->generate(prompt, 40, 1.0, 3)));
  REQUIRE_FALSE(torch::equal(text, writer->generate(prompt, 40, 1.0, 4)));
  REQUIRE(model->is_training());

  const torch::Tensor counting = (torch::arange(8).unsqueeze(1) + torch::arange(17)).remainder(8);
  for (int step = 0; step < 150; ++step) {
    model->dropout_context().step = step;
    model->zero_grad();
    loss_of(*model, counting).backward();
    const torch::NoGradGuard no_grad;
    for (torch::Tensor& parameter : model->parameters()) parameter.sub_(parameter.grad(), 0.3);
  }
  const torch::Tensor learnt = writer->generate(torch::tensor({{3, 4, 5, 6}}), 10, 0, 1);
  REQUIRE(torch::equal(learnt[0], torch::arange(3, 17).remainder(8)));
}

TEST_CASE("A context shorter than the data is one clear error") {
  REQUIRE_THROWS_WITH(tiny({}, 25),
                      "configs/x.yaml:8: 'model.context': a context of 24 is shorter than the "
                      "data's 25 tokens; raise it, or lower 'data.max_length'");
  REQUIRE_THROWS_WITH(
      tiny({{"heads", "5"}}),
      "configs/x.yaml:9: 'model.heads': 5 heads do not divide an embedding of 24; take a divisor");
}
