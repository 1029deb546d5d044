#include "record/rank_recorder.hpp"

#include <ATen/Parallel.h>

#include <algorithm>
#include <limits>

#include "launch/flight_recorder.hpp"

#ifdef LOCKSTEP_WITH_CUDA
#include "kernels/stamp.hpp"
#include "record/current_stream.hpp"
#include "timing/device_events.hpp"
#endif

namespace lockstep {

namespace {

std::unique_ptr<DeviceTimeline> make_timeline(c10::Device device, std::size_t phases) {
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

double median(std::vector<double> values) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

RankRecorder::RankRecorder(World& world, WorkLog& log, SteadyTime origin, const RecordedSteps& steps)
    : world_(world),
      log_(log),
      steps_(steps),
      comm_log_(origin),
      timeline_(make_timeline(steps.device, steps.phases)),
      recorder_(origin, steps.phases, timeline_.get()),
      gpu_monitor_(monitor_of(steps.device)) {
  if (!steps.device.is_cuda()) counters_.emplace(at::get_num_threads());
  recorder_.set_slowdown(steps.slowdown);
  recorder_.set_activity(&world.flight().activity);
}

void RankRecorder::begin_epoch() {
  if (gpu_monitor_) gpu_monitor_->begin_epoch();
}

EpochConditions RankRecorder::end_epoch() {
  EpochConditions conditions;
  if (gpu_monitor_) conditions.gpu = gpu_monitor_->end_epoch();
  if (counters_) conditions.counters = {counters_->take_epoch()};
  return conditions;
}

void RankRecorder::begin_part(std::int64_t steps) {
  recorder_.begin_epoch(steps);
  log_.clear();  // what evaluation has sent is no part of a step
  if (counters_) counters_->begin_part();
}

void RankRecorder::end_step(std::int64_t step) {
  comm_log_.take(log_, static_cast<std::int32_t>(recorded_steps_ + step));
  comm_log_.resolve_below(recorded_steps_ + recorder_.resolved_steps());
}

void RankRecorder::end_part() {
  spans_ = recorder_.take_epoch();
  if (counters_) counters_->end_part(static_cast<std::int64_t>(spans_.size()));
}

RankEpoch RankRecorder::take_part(const std::function<void(std::int64_t, StepRow&)>& count) {
  RankEpoch epoch;
  epoch.comm = comm_log_.take_intervals();
  if (steps_.sends_messages) align_messages(world_, epoch.comm);
  if (steps_.passes) epoch.stages = passes_of_stages();
  auto next = epoch.comm.begin();
  const auto steps = static_cast<std::int64_t>(spans_.size());
  for (std::int64_t s = 0; s < steps; ++s) {
    std::vector<CommInterval> of_step;
    for (; next != epoch.comm.end() && next->step == recorded_steps_ + s; ++next) of_step.push_back(*next);
    epoch.rows.push_back(step_row(spans_[static_cast<std::size_t>(s)], of_step, steps_.device.is_cuda()));
    count(s, epoch.rows.back());
  }
  recorded_steps_ += steps;
  return epoch;
}

std::vector<StagePass> RankRecorder::passes_of_stages() const {
  std::vector<StagePass> all;
  for (std::size_t s = 0; s < spans_.size(); ++s) {
    const auto step = static_cast<std::int32_t>(recorded_steps_ + static_cast<std::int64_t>(s));
    const std::vector<StagePass> passes = stage_passes(spans_[s], *steps_.passes, step);
    all.insert(all.end(), passes.begin(), passes.end());
  }
  return all;
}

double RankRecorder::overhead(const RankEpoch& epoch, double replayed_marks) const {
  std::vector<double> walls;
  for (const StepRow& row : epoch.rows) walls.push_back(row.wall);
  const double cost =
      static_cast<double>(recorder_.counts().made) * measure_mark_cost(timeline_.get()) + replayed_marks;
  return cost / static_cast<double>(walls.size()) / median(walls);
}

}  // namespace lockstep
