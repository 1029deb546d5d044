// RankRecorder: what one rank records of an epoch's steps: phases, communication, the GPU. An epoch is
// recorded in parts, which checkpoints lie between. Talks to other ranks only to align messages, after a part.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "launch/world.hpp"
#include "parallel/work_log.hpp"
#include "timing/recorder.hpp"
#include "train/comm_log.hpp"
#include "train/epoch_exchange.hpp"
#include "train/gpu_monitor.hpp"
#include "train/run_output.hpp"
#include "train/setup.hpp"
#include "train/strategy.hpp"
#include "train/training_step.hpp"

namespace lockstep {

class RankRecorder {
 public:
  // Everything outlives it. log: what the strategy writes its communication to. origin: the common start, on
  // this rank's clock.
  RankRecorder(const Setup& setup, World& world, const Strategy& strategy, WorkLog& log, SteadyTime origin);

  StepRecorder& phases() { return recorder_; }

  void begin_epoch();
  void begin_part(std::int64_t steps);  // at most so many
  // After each step, by its number within the part. Waits for no device.
  void end_step(std::int64_t step);
  // Not collective. On return all steps are resolved.
  void end_part();
  // Collective where the strategy sends messages. The part that has ended; step: which ran its steps.
  RankEpoch take_part(const TrainingStep& step);
  // The epoch has ended: what its GPU did.
  GpuOfRank end_epoch();

  // The share of a step that recording takes, as measured now, to the output.
  void report_overhead(const RankEpoch& epoch, const RunOutput& output) const;

 private:
  std::vector<StagePass> passes_of_stages() const;

  const Setup& setup_;
  World& world_;
  const Strategy& strategy_;
  WorkLog& log_;
  CommLog comm_log_;
  std::unique_ptr<DeviceTimeline> timeline_;
  StepRecorder recorder_;
  std::unique_ptr<GpuMonitor> gpu_monitor_;  // null where there is nobody to ask
  std::vector<StepSpans> spans_;             // of the part that has ended
  std::int64_t recorded_steps_ = 0;          // before this part, in this run's file
};

}  // namespace lockstep
