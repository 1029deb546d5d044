// RankRecorder: what one rank records of an epoch's steps: phases, communication, the GPU. An epoch is
// recorded in parts, which checkpoints lie between. Talks to other ranks only to align messages, after a part.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "launch/world.hpp"
#include "parallel/work_log.hpp"
#include "plan/schedule.hpp"
#include "record/comm_log.hpp"
#include "record/compute_counters.hpp"
#include "record/epoch_exchange.hpp"
#include "record/gpu_monitor.hpp"
#include "timing/recorder.hpp"

namespace lockstep {

// What is known of a rank's steps before the first.
struct RecordedSteps {
  c10::Device device = c10::Device(c10::kCPU);
  std::size_t phases = 0;       // that a step enters, at most
  bool sends_messages = false;  // to single ranks
  // Of a split model: the passes of a step, over and over where it accumulates. null: the model is whole.
  const std::vector<Action>* passes = nullptr;
  Slowdown* slowdown = nullptr;
};

class RankRecorder {
 public:
  // Everything outlives it. log: what is sent in a step. origin: the common start, on this rank's clock.
  RankRecorder(World& world, WorkLog& log, SteadyTime origin, const RecordedSteps& steps);

  StepRecorder& phases() { return recorder_; }

  void begin_epoch();
  void begin_part(std::int64_t steps);  // makes room for so many
  // After each step, by its number within the part. Waits for no device.
  void end_step(std::int64_t step);
  // Not collective. On return all steps are resolved.
  void end_part();
  // Collective where messages are sent. The part that has ended. count: puts into the row of a step, by its
  // number, what is no time: samples, loss and the like.
  RankEpoch take_part(const std::function<void(std::int64_t, StepRow&)>& count);
  // The epoch has ended: what the rank's GPU and processor did.
  EpochConditions end_epoch();
  // What of it cannot be known, RunData::counters_absent; empty: nothing.
  std::string counters_absent() const {
    return counters_ ? counters_->absent() : "nothing is counted: a GPU computes";
  }

  // The share of a step that recording takes, as measured now. replayed_marks: seconds of all marks in the epoch's
  // captured steps.
  double overhead(const RankEpoch& epoch, double replayed_marks) const;

 private:
  std::vector<StagePass> passes_of_stages() const;

  World& world_;
  WorkLog& log_;
  RecordedSteps steps_;
  CommLog comm_log_;
  std::unique_ptr<DeviceTimeline> timeline_;
  StepRecorder recorder_;
  std::unique_ptr<GpuMonitor> gpu_monitor_;  // null where there is nobody to ask
  std::optional<ComputeCounters> counters_;  // none where a GPU computes
  std::vector<StepSpans> spans_;             // of the part that has ended
  std::int64_t recorded_steps_ = 0;          // before this part, in this run's file
};

}  // namespace lockstep
