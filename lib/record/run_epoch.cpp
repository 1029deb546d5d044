// What a Run does after the steps of an epoch, and at its end.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "record/memory.hpp"
#include "record/run_impl.hpp"

namespace lockstep {

void Run::Impl::end_epoch(const EpochResult& result) {
  rethrow();
  require_open();
  if (in_step) throw input_error("run.epoch() within a step; end the step first");
  if (steps.empty()) throw input_error("epoch {} has no steps", epoch + 1);
  activity().enter("gathering epoch", epoch + 1);
  const RankEpoch mine = take_epoch();
  agree_on_epoch();
  if (epoch == 0 && output.exists()) {
    output.writer->set_recorder_overhead(recorder.overhead(mine, 0));
    output.writer->set_counters_absent(recorder.counters_absent());
    remark(mine);
  }
  object(replicas_sentence(world, 0, tensors_digest(options.module->parameters()), epoch));
  write(result, mine);
  steps_before += steps.size();
  most_steps = std::max(most_steps, steps.size());
  steps.clear();
  has_ids = has_numbers = false;
  ++epoch;
  activity().leave();
}

RankEpoch Run::Impl::take_epoch() {
  recorder.end_part();
  conditions = recorder.end_epoch();
  read_losses();
  return recorder.take_part([this](std::int64_t step, StepRow& row) {
    const StepCounts& counts = steps[static_cast<std::size_t>(step)];
    row.samples = row.loss_terms = static_cast<std::int32_t>(counts.samples);
    row.loss = counts.loss;
    row.grad_norm = std::numeric_limits<float>::quiet_NaN();
  });
}

// One copy for all that lie on a device.
void Run::Impl::read_losses() {
  std::vector<torch::Tensor> waiting;
  for (const StepCounts& step : steps)
    if (step.later.defined()) waiting.push_back(step.later.reshape({}).to(torch::kFloat32));
  if (waiting.empty()) return;
  const torch::Tensor values = at::stack(waiting).cpu();
  const auto* next = values.data_ptr<float>();
  for (StepCounts& step : steps)
    if (step.later.defined()) step.loss = *next++;
}

// What must be so on all ranks together, and from the first epoch to the last.
void Run::Impl::agree_on_epoch() {
  const bool loss =
      world.max(std::any_of(steps.begin(), steps.end(), [](const auto& s) { return s.says_loss; }) ? 1 : 0) !=
      0;
  const bool ids = world.max(has_ids ? 1 : 0) != 0, numbers = world.max(has_numbers ? 1 : 0) != 0;
  if (!ids && !numbers)
    throw input_error("no step of epoch {} says what it trains on: call step.samples(number), or (ids)",
                      epoch + 1);
  if (ids && numbers)
    throw input_error(
        "in epoch {} some steps give sample ids, others a number of samples: give one or the other",
        epoch + 1);
  if (epoch == 0) {
    audits = ids;
    has_loss = loss;
  }
  if (audits != ids)
    throw input_error("epoch {} gives {}, the epochs before {}: give one or the other", epoch + 1,
                      ids ? "sample ids" : "numbers of samples", ids ? "numbers of samples" : "sample ids");
}

AuditRow Run::Impl::audited(const EpochResult& result) {
  if (!audits) return {};
  const std::int64_t rows = options.data.train_rows;
  AuditedEpoch done = audit_epoch(world, audit.local(), epoch, result.rows < 0 ? rows : result.rows);
  object(done.sentence);
  return std::move(done.row);
}

EpochRow Run::Impl::row_of(const EpochResult& result) {
  EpochRow row;
  row.validation_loss = result.loss;
  row.validation_metric = result.metric;
  row.test_metric = result.test_metric;
  row.learning_rate = result.learning_rate;
  row.validation_seconds = seconds_between(last_end, steady_now());
  row.peak_memory_bytes = world.max(peak_memory_bytes(device));
  gather_conditions(world, conditions, row);
  return row;
}

void Run::Impl::write(const EpochResult& result, const RankEpoch& mine) {
  EpochToWrite next{
      .number = epoch, .row = row_of(result), .audit = audited(result), .steps_have_loss = has_loss};
  if (output.exists() && buckets.changed()) output.writer->set_buckets(buckets.table());
  const WrittenEpoch written = write_epoch(world, output, mine, std::move(next));
  if (output.exists()) record.line(epoch_line(written));
}

// Rank 0, after the first epoch: what a reader of the file would wonder about.
void Run::Impl::remark(const RankEpoch& mine) {
  const auto bare = std::count_if(steps.begin(), steps.end(), [](const auto& s) { return !s.has_phase; });
  if (bare > 0)
    record.line(fmt::format(
        "{} of {} steps of the first epoch have no phase: all their time counts as 'other'; mark its phases "
        "with step.phase(\"forward\") and so on",
        bare, steps.size()));
  if (world.size() > 1 && mine.comm.empty())
    record.line(
        "no communication was recorded: nothing was sent over the run's communicator by a "
        "DistributedDataParallel, or given to run.sent()");
  if (!audits) record.line("the work is not audited: steps give no sample ids, only numbers of samples");
}

std::string Run::Impl::epoch_line(const WrittenEpoch& written) const {
  const EpochRow& row = written.row;
  std::string text = fmt::format("epoch {}: ", epoch + 1);
  if (has_loss) text += fmt::format("train loss {:.4f}, ", row.train_loss);
  if (!std::isnan(row.validation_loss)) text += fmt::format("validation loss {:.4f}, ", row.validation_loss);
  if (!std::isnan(row.validation_metric))
    text += fmt::format("{} {:.4f}, ", facts.metric, row.validation_metric);
  if (!std::isnan(row.test_metric)) text += fmt::format("test {} {:.4f}, ", facts.metric, row.test_metric);
  return text + fmt::format("{:.2f} s, {:.0f} samples/s, exposed communication {:.1f} %", row.train_seconds,
                            written.samples / row.train_seconds, 100 * written.comm_share);
}

ExitCode Run::Impl::finish() {
  end_step();
  rethrow();
  require_open();
  finished = true;
  const double wall = seconds_between(origin, steady_now());
  if (!steps.empty())
    record.line(fmt::format(
        "{} steps after the last epoch are not in the run file: call run.epoch() after them", steps.size()));
  if (epoch == 0)
    record.fail("the run ended before its first epoch: call run.epoch() after the steps of one");
  else
    record.finish(invalid_reasons, wall);
  record.line(fmt::format("done in {:.2f} s: {}/run.h5", wall, output.folder));
  return invalid_reasons.empty() ? ExitCode::done : ExitCode::not_valid;
}

}  // namespace lockstep
