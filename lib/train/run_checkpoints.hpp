// RunCheckpoints: when a run writes a checkpoint, what each rank adds to it, and how a run goes on from one.
// The file itself is checkpoint.hpp's, what may differ between the two runs resume.hpp's. Between two steps
// the state is copied, no more; a thread of rank 0 writes it while the run goes on.
#pragma once

#include <cstdint>
#include <future>
#include <optional>
#include <string>
#include <vector>

#include "launch/world.hpp"
#include "record/run_output.hpp"
#include "timing/clock.hpp"
#include "train/checkpoint.hpp"
#include "train/flat_optimizer.hpp"
#include "train/setup.hpp"
#include "train/strategy.hpp"
#include "train/unfinished_epoch.hpp"

namespace lockstep {

// Where the training stands between two steps.
struct CheckpointMoment {
  std::int64_t steps_done = 0;             // by the runs that this one goes on from too
  SteadyTime since;                        // since when no step has run because of the checkpoint
  const UnfinishedEpoch* epoch = nullptr;  // EpochBook's
  const WorkAudit* audit = nullptr;        // what this rank has done of the epoch
  const std::vector<std::string>* invalid_reasons = nullptr;  // of the training so far
  std::optional<Reduction> reduction = {};                    // that has been chosen by trial
};

class RunCheckpoints {
 public:
  // Everything outlives it. run: its uuid.
  RunCheckpoints(const Setup& setup, World& world, Strategy& strategy, FlatOptimizer& optimizer,
                 std::string run);

  // Collective. Error(bad_input) on every rank when it does not fit.
  void load(const Checkpoint& checkpoint);

  // Collective, before the first step. output: rank 0 has one. From here on a signal ends the run after a step,
  // if checkpoint.on_signal has it so.
  void begin(std::int64_t steps_done, const RunOutput& output);
  // At most so many steps until a checkpoint is due.
  std::int64_t steps_to_next(std::int64_t steps_done) const;
  // Before each step, on every rank: whether all stop here, by the clock or for a signal. Error(failed) when
  // the checkpoint before could not be written.
  bool pauses(std::int64_t steps_done);
  // Collective, after each part of an epoch: writes a checkpoint if one is due.
  void save_if_due(const CheckpointMoment& moment);
  // Why the run ends here; empty: it goes on.
  const std::string& interruption() const { return interruption_; }
  // After the last step: waits until everything is written. Error(failed) as above. The gate stays open: a signal
  // that asks for a step that never comes changes nothing.
  void finish();

 private:
  struct Written {
    std::string path;
    std::size_t bytes;
    double pause, seconds;
    std::int64_t steps_done;
  };
  bool due(std::int64_t steps_done) const;
  bool due_by_steps(std::int64_t steps_done) const;
  bool within_epoch(std::int64_t steps_done) const;
  void save(const CheckpointMoment& moment);
  CheckpointTensors gather_tensors(const CheckpointMoment& moment);
  void write(CheckpointTensors tensors, const CheckpointMoment& moment);
  void report_written();
  void end_meeting();
  Aliases aliases() const;

  const Setup& setup_;
  World& world_;
  Strategy& strategy_;
  FlatOptimizer& optimizer_;
  std::string run_;
  RunOutput output_;
  std::int64_t first_ = 0, saved_ = -1;  // steps done at the start of this run, and at its last checkpoint
  std::optional<Meeting> meeting_;
  bool asked_ = false;  // rank 0: for a meeting, as it is time
  SteadyTime last_{};   // rank 0: when it last saved, or began
  std::string interruption_;
  std::future<Written> writing_;    // rank 0
  std::optional<Written> written_;  // not reported yet
};

}  // namespace lockstep
