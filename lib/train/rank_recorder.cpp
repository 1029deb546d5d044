#include "train/rank_recorder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "launch/flight_recorder.hpp"

#ifdef LOCKSTEP_WITH_CUDA
#include "kernels/stamp.hpp"
#include "timing/device_events.hpp"
#include "train/current_stream.hpp"
#include "train/replay_marks.hpp"
#endif

namespace lockstep {

namespace {

std::unique_ptr<DeviceTimeline> make_timeline(torch::Device device, std::size_t phases) {
#ifdef LOCKSTEP_WITH_CUDA
  if (device.is_cuda())
    return make_cuda_timeline(
        StepRecorder::timeline_slots(phases), [] { return static_cast<void*>(current_stream()); },
        [](std::uint64_t* word, void* stream) {
          kernels::stamp_at(word, static_cast<cudaStream_t>(stream));
        });
#endif
  static_cast<void>(device);
  static_cast<void>(phases);
  return nullptr;
}

double captured_mark_cost() {
#ifdef LOCKSTEP_WITH_CUDA
  return measure_replayed_mark_cost();
#else
  return 0;
#endif
}

double median(std::vector<double> values) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

RankRecorder::RankRecorder(const Setup& setup, World& world, const Strategy& strategy, WorkLog& log,
                           SteadyTime origin)
    : setup_(setup),
      world_(world),
      strategy_(strategy),
      log_(log),
      comm_log_(origin),
      timeline_(make_timeline(setup.device, TrainingStep::phases(strategy, setup.batches.accumulate))),
      recorder_(origin, TrainingStep::phases(strategy, setup.batches.accumulate), timeline_.get()),
      gpu_monitor_(monitor_of(setup.device)) {
  recorder_.set_slowdown(setup.sim.slowdown.get());
  recorder_.set_activity(&world.flight().activity);
}

void RankRecorder::begin_epoch() {
  if (gpu_monitor_) gpu_monitor_->begin_epoch();
}

GpuOfRank RankRecorder::end_epoch() { return gpu_monitor_ ? gpu_monitor_->end_epoch() : GpuOfRank(); }

void RankRecorder::begin_part(std::int64_t steps) {
  recorder_.begin_epoch(steps);
  log_.clear();  // what evaluation has sent is no part of a step
}

void RankRecorder::end_step(std::int64_t step) {
  comm_log_.take(log_, static_cast<std::int32_t>(recorded_steps_ + step));
  comm_log_.resolve_below(recorded_steps_ + recorder_.resolved_steps());
}

void RankRecorder::end_part() { spans_ = recorder_.take_epoch(); }

RankEpoch RankRecorder::take_part(const TrainingStep& step) {
  RankEpoch epoch;
  epoch.comm = comm_log_.take_intervals();
  if (strategy_.sends_messages()) align_messages(world_, epoch.comm);
  if (setup_.pipeline) epoch.stages = passes_of_stages();
  auto next = epoch.comm.begin();
  const auto steps = static_cast<std::int64_t>(spans_.size());
  for (std::int64_t s = 0; s < steps; ++s) {
    std::vector<CommInterval> of_step;
    for (; next != epoch.comm.end() && next->step == recorded_steps_ + s; ++next) of_step.push_back(*next);
    StepRow& row = epoch.rows.emplace_back(
        step_row(spans_[static_cast<std::size_t>(s)], of_step, setup_.device.is_cuda()));
    const StepWork& work = step.work(s);
    row.samples = static_cast<std::int32_t>(work.samples);
    row.loss_terms = static_cast<std::int32_t>(work.loss_terms);
    row.tokens = static_cast<std::int32_t>(work.tokens);
    row.padded_tokens = static_cast<std::int32_t>(work.padded_tokens);
    row.loss = step.mean_loss(s);
    row.grad_norm = step.gradient_norm(s);
  }
  recorded_steps_ += steps;
  return epoch;
}

std::vector<StagePass> RankRecorder::passes_of_stages() const {
  const auto& actions = setup_.pipeline->plan.schedule[static_cast<std::size_t>(strategy_.stage())];
  std::vector<StagePass> all;
  for (std::size_t s = 0; s < spans_.size(); ++s) {
    const auto step = static_cast<std::int32_t>(recorded_steps_ + static_cast<std::int64_t>(s));
    const std::vector<StagePass> passes = stage_passes(spans_[s], actions, step);
    all.insert(all.end(), passes.begin(), passes.end());
  }
  return all;
}

void RankRecorder::report_overhead(const RankEpoch& epoch, const RunOutput& output) const {
  std::vector<double> walls;
  for (const StepRow& row : epoch.rows) walls.push_back(row.wall);
  const StepRecorder::Counts marks = recorder_.counts();
  double cost = static_cast<double>(marks.made) * measure_mark_cost(timeline_.get());
  if (marks.replayed > 0) cost += static_cast<double>(marks.replayed) * captured_mark_cost();
  const double share = cost / static_cast<double>(walls.size()) / median(walls);
  if (!output.exists()) return;
  output.writer->set_recorder_overhead(share);
  output.progress->line(fmt::format("recording costs {:.3f} % of a step", 100 * share));
}

}  // namespace lockstep
