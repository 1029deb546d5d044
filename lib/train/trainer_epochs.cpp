// The part of Trainer that lies between epochs: what the ranks have recorded is gathered, checked and
// written.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <utility>

#include "base/digest.hpp"
#include "train/lr_schedule.hpp"
#include "train/memory.hpp"
#include "train/trainer.hpp"

#ifdef LOCKSTEP_WITH_CUDA
#include "train/replay_marks.hpp"
#endif

namespace lockstep {

namespace {

double captured_mark_cost() {
#ifdef LOCKSTEP_WITH_CUDA
  return measure_replayed_mark_cost();
#else
  return 0;
#endif
}

// Equal on all ranks exactly when the parameters are, bit for bit.
std::uint64_t parameter_digest(const FlatBuckets& buckets) {
  Digest digest;
  for (const torch::Tensor& values : buckets.values()) {
    const torch::Tensor host = values.cpu();
    digest.add(host.data_ptr(), static_cast<std::size_t>(host.numel()) * sizeof(float));
  }
  return digest.value();
}

double median(std::vector<double> values) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double mean_training_loss(const StepTable& steps) {
  double sum = 0, terms = 0;
  for (std::size_t i = 0; i < steps.loss.values.size(); ++i) {
    const std::int32_t weight = steps.loss_terms.values[i];
    if (weight == 0) continue;
    sum += static_cast<double>(steps.loss.values[i]) * weight;
    terms += weight;
  }
  return sum / terms;
}

double sum_of(const Matrix<double>& matrix) {
  return std::accumulate(matrix.values.begin(), matrix.values.end(), 0.0);
}

}  // namespace

RankEpoch Trainer::collect(std::int64_t steps) {
  RankEpoch epoch;
  const std::vector<StepSpans> spans = recorder_.take_epoch();
  if (gpu_monitor_) gpu_ = gpu_monitor_->end_epoch();
  require_finite_losses();
  epoch.comm = comm_log_.take_intervals();
  if (strategy_->sends_messages()) align_messages(world_, epoch.comm);
  if (setup_.pipeline) collect_stages(spans, epoch);
  auto next = epoch.comm.begin();
  for (std::int64_t s = 0; s < steps; ++s) {
    std::vector<CommInterval> of_step;
    for (; next != epoch.comm.end() && next->step == recorded_steps_ + s; ++next) of_step.push_back(*next);
    StepRow& row = epoch.rows.emplace_back(
        step_row(spans[static_cast<std::size_t>(s)], of_step, setup_.device.is_cuda()));
    const StepWork& work = step_.work(s);
    row.samples = static_cast<std::int32_t>(work.samples);
    row.loss_terms = static_cast<std::int32_t>(work.loss_terms);
    row.tokens = static_cast<std::int32_t>(work.tokens);
    row.padded_tokens = static_cast<std::int32_t>(work.padded_tokens);
    row.loss = step_.mean_loss(s);
    row.grad_norm = step_.gradient_norm(s);
  }
  return epoch;
}

void Trainer::collect_stages(const std::vector<StepSpans>& spans, RankEpoch& epoch) const {
  const auto& actions = setup_.pipeline->plan.schedule[static_cast<std::size_t>(strategy_->stage())];
  for (std::size_t s = 0; s < spans.size(); ++s) {
    const auto step = static_cast<std::int32_t>(recorded_steps_ + static_cast<std::int64_t>(s));
    const std::vector<StagePass> passes = stage_passes(spans[s], actions, step);
    epoch.stages.insert(epoch.stages.end(), passes.begin(), passes.end());
  }
}

void Trainer::report_overhead(const RankEpoch& epoch) {
  std::vector<double> walls;
  for (const StepRow& row : epoch.rows) walls.push_back(row.wall);
  const StepRecorder::Counts marks = recorder_.counts();
  double cost = static_cast<double>(marks.made) * measure_mark_cost(timeline_.get());
  if (marks.replayed > 0) cost += static_cast<double>(marks.replayed) * captured_mark_cost();
  const double share = cost / static_cast<double>(walls.size()) / median(walls);
  if (writer_) writer_->set_recorder_overhead(share);
  if (progress_) progress_->line(fmt::format("recording costs {:.3f} % of a step", 100 * share));
}

void Trainer::check_replicas(std::int64_t epoch, TrainingResult& result) {
  if (setup_.config.parallel.ablation == Ablation::no_comm) return;  // nothing keeps the replicas alike
  const auto digests =
      world_.all_gather(std::pair(strategy_->stage(), parameter_digest(strategy_->buckets())));
  std::map<int, std::size_t> first;  // rank of each stage
  for (std::size_t rank = 0; rank < digests.size(); ++rank) {
    const std::size_t other = first.try_emplace(digests[rank].first, rank).first->second;
    if (digests[rank] == digests[other]) continue;
    result.invalid_reasons.push_back(
        fmt::format("epoch {}: replicas diverged: the parameters of rank {} differ from those of rank {}",
                    epoch, rank, other));
    return;
  }
}

AuditRow Trainer::audit_epoch(std::int64_t epoch, std::int64_t steps, TrainingResult& result) {
  const std::int64_t rows = setup_.batches.dataset_size;
  AuditRow row = merge_audits(rows, world_.all_gather(audit_.local()));
  // An epoch cut short, by training.steps or by an ablation, owes only what it has come to.
  std::int64_t computed = 0;
  for (std::int64_t step = 0; step < steps; ++step) computed += computes(epoch, step) ? 1 : 0;
  const std::int64_t expected = std::min(rows, computed * setup_.batches.global_batch);
  const std::string sentence = audit_sentence(row, rows, epoch, expected);
  row.missing -= rows - expected;
  if (!sentence.empty()) result.invalid_reasons.push_back(sentence);
  return row;
}

EpochRow Trainer::evaluate_epoch(std::int64_t epoch, TrainingResult& result) {
  EvaluationPlan plan{.batch = std::max<std::int64_t>(setup_.batches.largest_micro_batch(), 64),
                      .workers = std::max(setup_.config.data.workers, 1),
                      .device = setup_.device,
                      .batching = setup_.config.data.batching};
  at("evaluating after epoch", epoch + 1);
  const SteadyTime begin = steady_now();
  EpochRow row;
  row.validation_loss = row.validation_metric = row.test_metric = std::numeric_limits<double>::quiet_NaN();
  if (setup_.data.validation && trains()) {
    const Evaluation done = evaluate(*strategy_, *setup_.model, *task_, setup_.data.validation, world_, plan);
    row.validation_loss = done.loss;
    row.validation_metric = done.metric;
    row.confusion = done.confusion;
    for (const auto& [name, value] : done.more) row.more[column_of(name, Split::validation)] = value;
  }
  row.validation_seconds = seconds_between(begin, steady_now());
  if (setup_.data.test && trains()) {
    plan.generate = !setup_.pipeline;  // that takes the whole model
    const Evaluation done = evaluate(*strategy_, *setup_.model, *task_, setup_.data.test, world_, plan);
    row.test_metric = done.metric;
    for (const auto& [name, value] : done.more) row.more[column_of(name, Split::test)] = value;
    result.test_confusion = done.confusion;
  }
  row.learning_rate =
      learning_rate(setup_.config.training, steps_done_ + steps_in_epoch(epoch) - 1, setup_.total_steps);
  result.validation_metric = row.validation_metric;
  result.test_metric = row.test_metric;
  row.peak_memory_bytes = world_.max(peak_memory_bytes(setup_.device));
  return row;
}

void Trainer::show_epoch() {
  const auto& split = setup_.data.validation ? setup_.data.validation : setup_.data.test;
  if (folder_.empty() || !split || setup_.pipeline || !trains()) return;
  const torch::NoGradGuard no_grad;
  setup_.model->eval();
  for (const std::string& line : task_->show(*setup_.model, *split, setup_.device, folder_))
    progress_->line(line);
  setup_.model->train();
}

std::string Trainer::epoch_line(std::int64_t epoch, const EpochRow& row, double samples) const {
  if (!trains())
    return fmt::format("epoch {}: no training, parts are left out: {:.2f} s, exposed communication {:.1f} %",
                       epoch + 1, row.train_seconds, 100 * comm_share_);
  const std::string metric = task_->metric();
  std::string more;
  for (const auto& [name, value] : row.more) more += fmt::format(", {} {:.4g}", name, value);
  return fmt::format(
      "epoch {}: train loss {:.4f}, validation loss {:.4f}, validation {} {:.4f}, test {} {:.4f}{}, "
      "{:.2f} s, {:.0f} samples/s, exposed communication {:.1f} %",
      epoch + 1, row.train_loss, row.validation_loss, metric, row.validation_metric, metric, row.test_metric,
      more, row.train_seconds, samples / row.train_seconds, 100 * comm_share_);
}

void Trainer::write_epoch(std::int64_t epoch, const RankEpoch& mine, EpochRow row, const AuditRow& audit) {
  at("writing epoch", epoch + 1);
  row.gpu = gather_gpus(world_, gpu_);
  const EpochTables tables = exchange_epoch(world_, mine, static_cast<std::int32_t>(epoch));
  if (!writer_) return;
  const StepTable& steps = tables.steps;
  row.train_loss = trains() ? mean_training_loss(steps) : std::numeric_limits<double>::quiet_NaN();
  row.train_seconds =
      steps.start.at(0, steps.steps() - 1) + steps.wall.at(0, steps.steps() - 1) - steps.start.at(0, 0);
  comm_share_ = sum_of(steps.comm_exposed) / sum_of(steps.wall);
  writer_->append_epoch(steps, tables.comm, tables.stages, row, audit);
  const double samples = std::accumulate(steps.samples.values.begin(), steps.samples.values.end(), 0.0);
  progress_->line(epoch_line(epoch, row, samples));
  show_epoch();
}

}  // namespace lockstep
