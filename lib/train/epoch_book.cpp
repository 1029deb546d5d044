#include "train/epoch_book.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "launch/flight_recorder.hpp"
#include "record/epoch_record.hpp"
#include "record/memory.hpp"
#include "train/learning_rate_schedule.hpp"

namespace lockstep {

namespace {

double sum_of(const Matrix<double>& matrix) {
  return std::accumulate(matrix.values.begin(), matrix.values.end(), 0.0);
}

}  // namespace

EpochBook::EpochBook(Setup& setup, World& world, Strategy& strategy, const Task& task)
    : setup_(setup), world_(world), strategy_(strategy), task_(task) {}

void EpochBook::begin_epoch(UnfinishedEpoch before) {
  unfinished_ = std::move(before);
  seconds_ = samples_ = 0;
}

EpochTables EpochBook::exchange(std::int64_t epoch, const RankEpoch& mine) {
  EpochTables tables = exchange_epoch(world_, mine, static_cast<std::int32_t>(epoch));
  if (!output_.exists()) return tables;
  const StepTable& steps = tables.steps;
  unfinished_.add_losses(steps);
  samples_ += std::accumulate(steps.samples.values.begin(), steps.samples.values.end(), 0.0);
  seconds_ +=
      steps.start.at(0, steps.steps() - 1) + steps.wall.at(0, steps.steps() - 1) - steps.start.at(0, 0);
  comm_share_ = sum_of(steps.comm_exposed) / sum_of(steps.wall);
  return tables;
}

void EpochBook::add_part(std::int64_t epoch, const RankEpoch& mine) {
  const EpochTables tables = exchange(epoch, mine);
  if (output_.exists()) output_.writer->append_part(tables.steps, tables.comm, tables.stages);
}

void EpochBook::close(const TrainedEpoch& epoch, const RankEpoch& mine, const WorkAudit& audit,
                      const EpochConditions& conditions) {
  strategy_.synchronise();
  check_replicas(epoch.number);
  const AuditRow work = audit_epoch(epoch, audit);
  EpochRow row = evaluate_epoch(epoch);
  world_.flight().activity.enter("writing epoch", epoch.number + 1);
  gather_conditions(world_, conditions, row);
  write_epoch(epoch.number, mine, std::move(row), work);
}

void EpochBook::check_replicas(std::int64_t epoch) {
  if (setup_.config.parallel.ablation == Ablation::no_comm) return;  // nothing keeps the replicas alike
  object(replicas_sentence(world_, strategy_.stage(), tensors_digest(strategy_.buckets().values()), epoch));
}

void EpochBook::object(const std::string& sentence) {
  if (!sentence.empty()) result_.invalid_reasons.push_back(sentence);
}

AuditRow EpochBook::audit_epoch(const TrainedEpoch& epoch, const WorkAudit& audit) {
  // An epoch cut short, by training.steps or by an ablation, owes only what it has come to.
  const std::int64_t expected =
      std::min(setup_.batches.dataset_size, epoch.computed * setup_.batches.global_batch);
  AuditedEpoch audited =
      lockstep::audit_epoch(world_, audit.local(), epoch.number, expected, &unfinished_.work);
  object(audited.sentence);
  return std::move(audited.row);
}

EpochRow EpochBook::evaluate_epoch(const TrainedEpoch& epoch) {
  EvaluationPlan plan{.batch = std::max<std::int64_t>(setup_.batches.largest_micro_batch(), 64),
                      .workers = std::max(setup_.config.data.workers, 1),
                      .device = setup_.device,
                      .batching = setup_.config.data.batching};
  world_.flight().activity.enter("evaluating after epoch", epoch.number + 1);
  const SteadyTime begin = steady_now();
  EpochRow row;
  row.validation_loss = row.validation_metric = row.test_metric = std::numeric_limits<double>::quiet_NaN();
  if (setup_.data.validation && trains()) {
    const Evaluation done = evaluate(strategy_, *setup_.model, task_, setup_.data.validation, world_, plan);
    row.validation_loss = done.loss;
    row.validation_metric = done.metric;
    row.confusion = done.confusion;
    for (const auto& [name, value] : done.more) row.more[column_of(name, Split::validation)] = value;
  }
  row.validation_seconds = seconds_between(begin, steady_now());
  if (setup_.data.test && trains()) {
    plan.generate = !setup_.pipeline;  // that takes the whole model
    const Evaluation done = evaluate(strategy_, *setup_.model, task_, setup_.data.test, world_, plan);
    row.test_metric = done.metric;
    for (const auto& [name, value] : done.more) row.more[column_of(name, Split::test)] = value;
    result_.test_confusion = done.confusion;
  }
  row.learning_rate = learning_rate(setup_.config.training, epoch.steps_done - 1, setup_.total_steps);
  result_.validation_metric = row.validation_metric;
  result_.test_metric = row.test_metric;
  row.peak_memory_bytes = world_.max(peak_memory_bytes(setup_.device));
  return row;
}

void EpochBook::show_epoch() {
  const auto& split = setup_.data.validation ? setup_.data.validation : setup_.data.test;
  if (output_.folder.empty() || !split || setup_.pipeline || !trains()) return;
  const torch::NoGradGuard no_grad;
  setup_.model->eval();
  for (const std::string& line : task_.show(*setup_.model, *split, setup_.device, output_.folder))
    output_.progress->line(line);
  setup_.model->train();
}

std::string EpochBook::epoch_line(std::int64_t epoch, const EpochRow& row, double samples) const {
  if (!trains())
    return fmt::format("epoch {}: not training, parts are left out: {:.2f} s, exposed communication {:.1f} %",
                       epoch + 1, row.train_seconds, 100 * comm_share_);
  const std::string metric = task_.metric();
  std::string more;
  for (const auto& [name, value] : row.more) more += fmt::format(", {} {:.4g}", name, value);
  return fmt::format(
      "epoch {}: train loss {:.4f}, validation loss {:.4f}, validation {} {:.4f}, test {} {:.4f}{}, "
      "{:.2f} s, {:.0f} samples/s, exposed communication {:.1f} %",
      epoch + 1, row.train_loss, row.validation_loss, metric, row.validation_metric, metric, row.test_metric,
      more, row.train_seconds, samples / row.train_seconds, 100 * comm_share_);
}

void EpochBook::write_epoch(std::int64_t epoch, const RankEpoch& mine, EpochRow row, const AuditRow& audit) {
  const EpochTables tables = exchange(epoch, mine);
  if (!output_.exists()) return;
  row.train_loss = trains() ? unfinished_.mean_loss() : std::numeric_limits<double>::quiet_NaN();
  row.train_seconds = seconds_;
  output_.writer->append_epoch(tables.steps, tables.comm, tables.stages, row, audit);
  output_.progress->line(epoch_line(epoch, row, samples_));
  show_epoch();
}

}  // namespace lockstep
