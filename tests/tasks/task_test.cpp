#include "tasks/task.hpp"

#include <cmath>

#include "support/catch.hpp"
#include "tasks/classification.hpp"

using namespace lockstep;

namespace {

// A task with outputs and targets to try it on.
struct Sample {
  std::unique_ptr<Task> task;
  torch::Tensor inputs, targets, outputs;  // 10 rows
  std::vector<std::int64_t> terms;         // of each row

  StepBatch rows(std::int64_t first, std::int64_t count, std::int64_t real) const {
    std::int64_t all = 0;
    for (const std::int64_t t : terms) all += t;
    const torch::Tensor some = targets.narrow(0, first, count);
    return {.inputs = task->inputs(inputs.narrow(0, first, count), some),
            .targets = some,
            .samples = real,
            .step_samples = 10,
            .step_terms = all,
            .first_sample = first};
  }
};

DatasetInfo about(SampleKind kind) {
  DatasetInfo info;
  info.kind = kind;
  info.classes = 4;
  info.vocabulary = info.target_vocabulary = 7;
  return info;
}

Sample classification() {
  return {make_task(TaskKind::classification, about(SampleKind::images)), torch::rand({10, 1, 2, 2}),
          torch::randint(4, {10}), torch::randn({10, 4}), std::vector<std::int64_t>(10, 1)};
}

Sample reconstruction() {
  return {make_task(TaskKind::reconstruction, about(SampleKind::images)), torch::rand({10, 1, 2, 2}),
          torch::randint(4, {10}), torch::rand({10, 1, 2, 2}), std::vector<std::int64_t>(10, 1)};
}

Sample language_model() {
  return {make_task(TaskKind::language_model, about(SampleKind::tokens)), torch::randint(7, {10, 5}),
          torch::randint(7, {10, 5}), torch::randn({10, 5, 7}), std::vector<std::int64_t>(10, 5)};
}

// Targets of different lengths, padded.
Sample translation() {
  Sample s{make_task(TaskKind::translation, about(SampleKind::pairs)),
           torch::randint(1, 7, {10, 3}),
           torch::randint(1, 7, {10, 6}),
           torch::randn({10, 5, 7}),
           {}};
  for (std::int64_t i = 0; i < 10; ++i) {
    const std::int64_t length = 2 + i % 5;
    s.targets[i].narrow(0, length, 6 - length).zero_();
    s.terms.push_back(length - 1);
  }
  return s;
}

std::vector<Sample> all_tasks() {
  torch::manual_seed(1);
  std::vector<Sample> samples;
  samples.push_back(classification());
  samples.push_back(reconstruction());
  samples.push_back(language_model());
  samples.push_back(translation());
  return samples;
}

Evaluation evaluate_in_parts(const Sample& s, const std::vector<std::pair<int, int>>& parts) {
  Tally tally = s.task->start_tally(torch::kCPU);
  for (const auto& [first, count] : parts)
    s.task->add(s.outputs.narrow(0, first, count), s.rows(first, count, count), tally);
  return s.task->finish(tally);
}

}  // namespace

TEST_CASE("the shares of a batch add up to the mean that evaluation finds") {
  for (const Sample& s : all_tasks()) {
    CAPTURE(s.task->metric());
    double sum = 0;
    for (const auto& [first, count] : {std::pair<int, int>{0, 3}, {3, 3}, {6, 4}})
      sum +=
          s.task->loss_share(s.outputs.narrow(0, first, count), s.rows(first, count, count)).item<double>();
    CHECK(sum == Approx(evaluate_in_parts(s, {{0, 10}}).loss).epsilon(1e-6));
    CHECK(evaluate_in_parts(s, {{0, 1}, {1, 9}}).loss == Approx(sum).epsilon(1e-6));
  }
}

TEST_CASE("padding rows count for nothing, and a share of padding alone still has a gradient") {
  for (const Sample& s : all_tasks()) {
    CAPTURE(s.task->metric());
    torch::Tensor outputs = s.outputs.clone().requires_grad_();
    const double two = s.task->loss_share(outputs.narrow(0, 0, 2), s.rows(0, 2, 2)).item<double>();
    CHECK(s.task->loss_share(outputs.narrow(0, 0, 3), s.rows(0, 3, 2)).item<double>() == Approx(two));
    const torch::Tensor none = s.task->loss_share(outputs.narrow(0, 0, 1), s.rows(0, 1, 0));
    CHECK(none.item<double>() == 0);
    none.backward();
    CHECK(outputs.grad().abs().max().item<double>() == 0);
  }
}

TEST_CASE("a target's padding does not enter the loss of a translation") {
  torch::manual_seed(2);
  const Sample s = translation();
  double sum = 0;
  for (std::int64_t i = 0; i < 10; ++i) {
    const torch::Tensor log_probability = s.outputs[i].log_softmax(1);
    for (std::int64_t t = 0; t < s.terms[static_cast<std::size_t>(i)]; ++t)
      sum -= log_probability[t][s.targets[i][t + 1].item<std::int64_t>()].item<double>();
  }
  std::int64_t terms = 0;
  for (const std::int64_t t : s.terms) terms += t;
  const Evaluation result = evaluate_in_parts(s, {{0, 10}});
  CHECK(result.loss == Approx(sum / static_cast<double>(terms)));
  CHECK(result.metric == Approx(std::exp(result.loss)));
}

TEST_CASE("metrics follow from the loss as their names say") {
  torch::manual_seed(3);
  const Evaluation image = evaluate_in_parts(reconstruction(), {{0, 10}});
  CHECK(image.metric == image.loss);
  CHECK(image.more.at("psnr") == Approx(10 * std::log10(1 / image.loss)));
  DatasetInfo bytes = about(SampleKind::tokens);
  bytes.vocabulary = 256;
  const auto task = make_task(TaskKind::language_model, bytes);
  CHECK(task->metric() == "bits_per_byte");
  Tally uniform = task->start_tally(torch::kCPU);
  const StepBatch batch{.inputs = {}, .targets = torch::randint(256, {2, 3}), .samples = 2};
  task->add(torch::zeros({2, 3, 256}), batch, uniform);
  CHECK(task->finish(uniform).metric == Approx(8));
}

TEST_CASE("no sample at all is no number") {
  for (const Sample& s : all_tasks()) {
    CAPTURE(s.task->metric());
    CHECK(std::isnan(s.task->finish(s.task->start_tally(torch::kCPU)).loss));
  }
}

TEST_CASE("precision, recall and F1 of each class") {
  Matrix<std::int64_t> confusion(3, 3);
  confusion.values = {5, 1, 0,   //
                      2, 3, 0,   //
                      0, 0, 0};  // a class that nobody has and nobody says
  const auto scores = class_scores(confusion);
  CHECK(scores[0].precision == Approx(5.0 / 7));
  CHECK(scores[0].recall == Approx(5.0 / 6));
  CHECK(scores[0].f1 == Approx(10.0 / 13));
  CHECK(scores[1].support == 5);
  CHECK(std::isnan(scores[2].precision));
  CHECK(std::isnan(scores[2].f1));
  const auto lines = class_table(confusion, {"a", "b"});
  REQUIRE(lines.size() == 4);
  CHECK(lines[1].find("0.7143") != std::string::npos);
}
