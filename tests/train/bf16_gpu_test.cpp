// Training in bf16 on a GPU: the token loss against LibTorch's in float64, a whole model's gradients, and a
// loss curve beside that of fp32.
#include <ATen/ATen.h>
#include <c10/cuda/CUDACachingAllocator.h>

#include <cmath>
#include <limits>
#include <span>

#include "models/helpers.hpp"
#include "support/catch.hpp"
#include "support/gpu.hpp"
#include "tasks/task.hpp"
#include "tasks/token_loss.hpp"
#include "train/autocast.hpp"

using namespace lockstep;
using namespace lockstep::test;
using torch::Tensor;

namespace {

const auto kOnGpu = torch::TensorOptions().device(torch::kCUDA);

struct LossCase {
  std::int64_t rows, columns, pitch;
  torch::ScalarType type;
};

void check_loss(const LossCase& c) {
  CAPTURE(c.rows, c.columns, c.pitch, c.type);
  constexpr std::int64_t kIgnored = 0;
  constexpr double kScale = 0.125, kFactor = 3;
  const std::int64_t real = c.rows > 2 ? c.rows - 2 : c.rows;
  const Tensor whole = (torch::randn({c.rows, c.pitch}, kOnGpu) * 3).to(c.type);
  const Tensor between = whole.narrow(1, c.columns, c.pitch - c.columns).clone();
  const Tensor targets = torch::randint(c.columns, {c.rows}, kOnGpu.dtype(torch::kInt64));
  const Tensor ex = whole.narrow(1, 0, c.columns).to(torch::kFloat64).clone().requires_grad_();
  const Tensor expected = at::cross_entropy_loss(ex.narrow(0, 0, real), targets.narrow(0, 0, real), {},
                                                 at::Reduction::Sum, kIgnored) *
                          kScale;
  (expected * kFactor).backward();

  const Tensor logits = whole.narrow(1, 0, c.columns).detach().requires_grad_();
  const double bound = c.type == torch::kFloat32 ? 1e-5 : 1e-2;
  {
    const torch::NoGradGuard no_grad;
    const Tensor before = whole.clone(), loss = token_loss::share(logits, targets, {kScale, real, kIgnored});
    REQUIRE(loss.item<double>() == Approx(expected.item<double>()).epsilon(1e-5).margin(1e-7));
    REQUIRE(torch::equal(before, whole));
  }
  REQUIRE(token_loss::takes(logits));
  const Tensor loss = token_loss::share(logits, targets, {kScale, real, kIgnored});
  REQUIRE(loss.item<double>() == Approx(expected.item<double>()).epsilon(1e-5).margin(1e-7));
  (loss * kFactor).backward();
  const Tensor actual = logits.grad().to(torch::kFloat64);
  const double gap = (actual - ex.grad()).norm().item<double>(), norm = ex.grad().norm().item<double>();
  CAPTURE(gap, norm);
  CHECK(gap <= bound * norm + 1e-7);
  CHECK(torch::equal(between, whole.narrow(1, c.columns, c.pitch - c.columns)));
}

ModelInputs text_of(std::int64_t length, std::int64_t vocabulary) {
  return {{length}, vocabulary, 0, SampleKind::tokens};
}

// A text with something to learn: each token follows from the one before, but for a tenth of them.
Tensor text(std::int64_t batch, std::int64_t length, std::int64_t vocabulary) {
  Tensor tokens = torch::randint(vocabulary, {batch, length}, torch::kInt64);
  const Tensor noise = torch::rand({batch, length}).lt(0.1);
  for (std::int64_t t = 1; t < length; ++t) {
    const Tensor follows = (tokens.select(1, t - 1) * 7 + 3).remainder(vocabulary);
    tokens.select(1, t).copy_(torch::where(noise.select(1, t), tokens.select(1, t), follows));
  }
  return tokens.to(torch::kCUDA);
}

Tensor loss_of(Model& model, const Task& task, const Tensor& tokens, bool bf16) {
  const std::int64_t length = tokens.size(1) - 1;
  StepBatch batch{.inputs = {tokens.narrow(1, 0, length)},
                  .targets = tokens.narrow(1, 1, length),
                  .samples = tokens.size(0),
                  .step_samples = tokens.size(0),
                  .step_terms = tokens.size(0) * length};
  Tensor logits;
  {
    const AutocastGuard autocast(bf16, torch::kCUDA);
    logits = model.forward(batch.inputs);
  }
  return task.loss_share(logits, batch);
}

std::unique_ptr<Task> language_model(std::int64_t vocabulary) {
  DatasetInfo info;
  info.kind = SampleKind::tokens;
  info.vocabulary = vocabulary;
  return make_task(TaskKind::language_model, info);
}

// The losses under Adam.
std::vector<double> curve(bool bf16, std::int64_t steps) {
  const auto model = make("gpt", "mini", text_of(64, 256), {{"dropout", "0"}});
  model->to(torch::kCUDA);
  const auto task = language_model(256);
  torch::manual_seed(11);
  std::vector<Tensor> losses, means, squares;
  for (const Tensor& p : model->parameters()) {
    means.push_back(torch::zeros_like(p).detach());
    squares.push_back(torch::zeros_like(p).detach());
  }
  for (std::int64_t step = 1; step <= steps; ++step) {
    const Tensor loss = loss_of(*model, *task, text(16, 65, 256), bf16);
    loss.backward();
    losses.push_back(loss.detach());
    const torch::NoGradGuard no_grad;
    const double rate = 1e-3 * std::sqrt(1 - std::pow(0.999, step)) / (1 - std::pow(0.9, step));
    for (std::size_t i = 0; const Tensor& p : model->parameters()) {
      means[i].lerp_(p.grad(), 0.1);
      squares[i].lerp_(p.grad() * p.grad(), 0.001);
      p.addcdiv_(means[i], squares[i].sqrt() + 1e-8, -rate);
      p.mutable_grad().zero_();
      ++i;
    }
  }
  const Tensor host = torch::stack(losses).cpu().to(torch::kFloat64);
  return {host.data_ptr<double>(), host.data_ptr<double>() + host.numel()};
}

}  // namespace

TEST_CASE("The token loss and its gradient in the place of the logits") {
  if (!gpu_is_there()) return;
  for (const auto type : {torch::kBFloat16, torch::kFloat32})
    for (const std::int64_t rows : {1, 7, 129})
      for (const std::int64_t columns : {1, 3, 65, 767, 768, 1000, 50257}) {
        check_loss({rows, columns, columns, type});
        check_loss({rows, columns, (columns + 63) / 64 * 64, type});
      }
}

TEST_CASE("A target outside the vocabulary makes the token loss NaN, and harms no other row") {
  if (!gpu_is_there()) return;
  const Tensor logits = torch::randn({3, 40}, kOnGpu).requires_grad_();
  const Tensor targets = torch::tensor({1, 40, 2}, kOnGpu.dtype(torch::kInt64));
  const Tensor loss = token_loss::share(logits, targets, {1.0, 3});
  CHECK(std::isnan(loss.item<double>()));
  loss.backward();
  CHECK(logits.grad()[1].isnan().all().item<bool>());
  CHECK_FALSE(logits.grad()[0].isnan().any().item<bool>());
  CHECK_FALSE(logits.grad()[2].isnan().any().item<bool>());
}

TEST_CASE("gpt's gradients in bf16 are those of fp32, recomputed or not, tied or not") {
  if (!gpu_is_there()) return;
  for (const char* recompute : {"false", "true"})
    for (const bool tied : {true, false}) {
      const Given given{{"embedding", "96"}, {"heads", "3"},   {"layers", "2"},
                        {"context", "48"},   {"dropout", "0"}, {"recompute", recompute}};
      const auto task = language_model(101);
      const Tensor tokens = text(4, 40, 101);
      std::vector<torch::OrderedDict<std::string, Tensor>> both;
      std::vector<std::shared_ptr<Model>> models;
      for (const bool bf16 : {false, true}) {
        models.push_back(make("gpt", "", text_of(48, 101), given));
        if (!tied) models.back()->layers().back().layer->own_tied_weight();
        models.back()->to(torch::kCUDA);
        for (int pass = 0; pass < 2; ++pass) {  // the second adds to the first
          const Tensor loss = loss_of(*models.back(), *task, tokens, bf16);
          loss.backward();
        }
        both.push_back(models.back()->named_parameters());
      }
      for (const auto& item : both[0]) {
        const Tensor expected = item.value().grad(), actual = both[1][item.key()].grad();
        const double gap = (actual - expected).norm().item<double>(), norm = expected.norm().item<double>();
        CAPTURE(recompute, tied, item.key(), gap, norm);
        CHECK(gap <= 0.03 * norm + 1e-5);
      }
    }
}

TEST_CASE("Two parts of gpt in bf16, one behind the other, compute what the whole does") {
  if (!gpu_is_there()) return;
  const Given given{
      {"embedding", "96"}, {"heads", "3"}, {"layers", "4"}, {"context", "48"}, {"dropout", "0"}};
  const auto task = language_model(101);
  const Tensor tokens = text(4, 40, 101);
  const auto whole = make("gpt", "", text_of(48, 101), given),
             same = make("gpt", "", text_of(48, 101), given);
  whole->to(torch::kCUDA);
  same->to(torch::kCUDA);
  const std::span<const Model::Entry> layers(same->layers());
  Model first("first", layers.first(3), same->shared_dropout_context());
  Model last("last", layers.subspan(3), same->shared_dropout_context());
  const Tensor expected = loss_of(*whole, *task, tokens, true);
  expected.backward();
  Flow between;
  {
    const AutocastGuard autocast(true, torch::kCUDA);
    between = first.flow({tokens.narrow(1, 0, 39)});
  }
  REQUIRE(between.size() == 1);  // what travels from stage to stage
  const Tensor received = between[0].detach().requires_grad_();
  Tensor logits;
  {
    const AutocastGuard autocast(true, torch::kCUDA);
    logits = last.forward(Flow{received});
  }
  const Tensor loss = task->loss_share(logits, {.inputs = {},
                                                .targets = tokens.narrow(1, 1, 39),
                                                .samples = 4,
                                                .step_samples = 4,
                                                .step_terms = 4 * 39});
  loss.backward();
  between[0].backward(received.grad());
  CHECK(loss.item<double>() == Approx(expected.item<double>()).epsilon(1e-4));
  const auto parameters = same->named_parameters();
  for (const auto& item : whole->named_parameters()) {
    const Tensor a = parameters[item.key()].grad(), b = item.value().grad();
    const double gap = (a - b).norm().item<double>(), norm = b.norm().item<double>();
    CAPTURE(item.key(), gap, norm);
    CHECK(gap <= 1e-2 * norm + 1e-6);
  }
}

TEST_CASE("A padded batch counts its real rows alone") {
  if (!gpu_is_there()) return;
  const auto task = language_model(50);
  const Tensor logits = torch::randn({4, 6, 50}, kOnGpu),
               targets = torch::randint(50, {4, 6}, kOnGpu.dtype(torch::kInt64));
  StepBatch batch{.inputs = {}, .targets = targets, .samples = 3, .step_samples = 5, .step_terms = 30};
  const Tensor host = logits.cpu().requires_grad_(), device = logits.clone().requires_grad_();
  StepBatch on_host = batch;
  on_host.targets = targets.cpu();
  const Tensor expected = task->loss_share(host, on_host), actual = task->loss_share(device, batch);
  CHECK(actual.item<double>() == Approx(expected.item<double>()).epsilon(1e-5));
  expected.backward();
  actual.backward();
  CHECK(largest_difference(device.grad().cpu(), host.grad()) < 1e-7);
}

TEST_CASE("200 steps in bf16 follow the loss curve of fp32 within 1 %") {
  if (!gpu_is_there()) return;
  const std::vector<double> expected = curve(false, 200), actual = curve(true, 200);
  const double worst = largest_relative_difference(actual, expected);
  CAPTURE(expected.front(), expected.back(), actual.back(), worst);
  CHECK(expected.back() < 0.9 * expected.front());  // it learns
  CHECK(worst < 0.01);
}
