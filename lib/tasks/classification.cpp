#include "tasks/classification.hpp"

#include <fmt/format.h>

#include <limits>

#include "tasks/token_loss.hpp"

namespace lockstep {

namespace {

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();

double ratio(std::int64_t part, std::int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : kNothing;
}

class Classification : public Task {
 public:
  explicit Classification(const DatasetInfo& info) : classes_(info.classes) {}

  std::string metric() const override { return "accuracy"; }
  bool higher_is_better() const override { return true; }
  double chance() const override { return 1 / static_cast<double>(classes_); }

  torch::Tensor loss_share(const torch::Tensor& logits, const StepBatch& batch) const override {
    if (batch.samples == 0) return logits.sum() * 0;  // takes part in backward, and so in every collective
    if constexpr (token_loss::kBuilt) {
      if (token_loss::takes(logits))
        return token_loss::share(logits, batch.targets,
                                 {.scale = 1.0 / static_cast<double>(batch.step_terms),
                                  .real_rows = batch.samples,
                                  .mark = batch.after_loss});
    }
    // Softmax in fp32 whatever the precision of the model.
    const torch::Tensor mean =
        at::cross_entropy_loss(real_rows(logits, batch).to(torch::kFloat32), real_rows(batch.targets, batch));
    if (batch.samples == batch.step_terms) return mean;
    return mean * (static_cast<double>(batch.samples) / static_cast<double>(batch.step_terms));
  }

  Tally start_tally(torch::Device device) const override {
    return zero_tally(1, classes_ * classes_, device);
  }

  void add(const torch::Tensor& logits, const StepBatch& batch, Tally& tally) const override {
    tally.sums += at::cross_entropy_loss(logits.to(torch::kFloat32), batch.targets, {}, at::Reduction::Sum);
    const torch::Tensor cell = batch.targets * classes_ + logits.argmax(1);  // (B)
    tally.counts += at::bincount(cell, {}, classes_ * classes_);
  }

  Evaluation finish(const Tally& sum) const override {
    Evaluation result;
    result.confusion = Matrix<std::int64_t>(classes_, classes_);
    const auto* cells = sum.counts.data_ptr<std::int64_t>();
    std::int64_t samples = 0, correct = 0;
    for (std::int64_t i = 0; i < classes_ * classes_; ++i) {
      result.confusion.values[static_cast<std::size_t>(i)] = cells[i];
      samples += cells[i];
      if (i % (classes_ + 1) == 0) correct += cells[i];
    }
    result.loss = samples > 0 ? *sum.sums.data_ptr<double>() / static_cast<double>(samples) : kNothing;
    result.metric = ratio(correct, samples);
    return result;
  }

 private:
  std::int64_t classes_;
};

}  // namespace

std::vector<ClassScores> class_scores(const Matrix<std::int64_t>& confusion) {
  std::vector<ClassScores> scores;
  for (std::int64_t c = 0; c < confusion.rows; ++c) {
    std::int64_t truly = 0, said = 0;
    for (std::int64_t other = 0; other < confusion.rows; ++other) {
      truly += confusion.at(c, other);
      said += confusion.at(other, c);
    }
    const std::int64_t found = confusion.at(c, c);
    scores.push_back({ratio(found, said), ratio(found, truly), ratio(2 * found, truly + said), truly});
  }
  return scores;
}

std::vector<std::string> class_table(const Matrix<std::int64_t>& confusion,
                                     const std::vector<std::string>& names) {
  std::vector<std::string> lines{
      fmt::format("{:<24} {:>9} {:>9} {:>9} {:>9}", "class", "precision", "recall", "F1", "samples")};
  const std::vector<ClassScores> scores = class_scores(confusion);
  for (std::size_t c = 0; c < scores.size(); ++c) {
    lines.push_back(fmt::format("{:<24} {:>9.4f} {:>9.4f} {:>9.4f} {:>9}",
                                c < names.size() ? names[c] : std::to_string(c), scores[c].precision,
                                scores[c].recall, scores[c].f1, scores[c].support));
  }
  return lines;
}

std::unique_ptr<Task> make_classification(const DatasetInfo& info) {
  return std::make_unique<Classification>(info);
}

}  // namespace lockstep
