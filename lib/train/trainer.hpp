// Trainer: the one training loop, epochs of timed steps. What is recorded of a step is RankRecorder's, what
// is done between epochs EpochBook's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "data/loader.hpp"
#include "data/work_audit.hpp"
#include "launch/world.hpp"
#include "record/rank_recorder.hpp"
#include "record/run_output.hpp"
#include "tasks/task.hpp"
#include "train/checkpoint.hpp"
#include "train/epoch_book.hpp"
#include "train/flat_optimizer.hpp"
#include "train/reduction_trial.hpp"
#include "train/run_checkpoints.hpp"
#include "train/setup.hpp"
#include "train/step_capture.hpp"
#include "train/strategy.hpp"
#include "train/training_step.hpp"
#include "train/training_stream.hpp"

namespace lockstep {

class Trainer {
 public:
  // Collective. Everything outlives the trainer. run: its uuid. origin: the common start, on this rank's
  // clock.
  Trainer(Setup& setup, World& world, SteadyTime origin, std::string run);

  // Collective. Goes on after the checkpoint's last step. Before run(). Error(bad_input) on every rank when it
  // does not fit.
  void resume(const Checkpoint& checkpoint);
  // Rank 0, before run(): what the run is written to. Without one a run is trained and judged all the same.
  void record_to(const RunOutput& output);

  // Collective. All epochs. Throws when a loss is not finite, or anything fails.
  TrainingResult run();
  // How gradients are reduced, where that was left to the first steps; empty: it was not, or they have not shown it.
  const std::optional<Reduction>& chosen_reduction() const { return reduction_.chosen(); }

 private:
  std::int64_t end_of(std::int64_t epoch) const;  // steps done then
  // comm_only computes the first step of the run alone, from which the buckets are laid out.
  bool computes(std::int64_t steps_done) const {
    return setup_.config.parallel.ablation != Ablation::comm_only || steps_done == first_step_;
  }
  void begin_epoch(std::int64_t epoch);
  // The steps of an epoch up to its end, or to where the ranks come together before it.
  void run_part(std::int64_t epoch);
  void run_steps(std::int64_t steps);
  void close_epoch(std::int64_t epoch, const RankEpoch& mine);
  void save_checkpoint_if_due();
  void run_step(std::int64_t step, bool computes);
  void adopt_rebuilt_buckets();
  void record_memory();  // collective
  void require_finite_losses();
  // The share of a step that recording takes, to the output.
  void report_overhead(const RankEpoch& epoch);
  void show_progress(std::int64_t step);

  Setup& setup_;
  World& world_;
  TrainingStream stream_;  // before anything that is made on it
  std::unique_ptr<Task> task_;
  WorkLog log_;
  std::unique_ptr<Strategy> strategy_;
  RankRecorder recorder_;
  FlatOptimizer optimizer_;
  ReductionTrial reduction_;
  WorkAudit audit_;
  StepCapture capture_;
  TrainingStep step_;
  std::unique_ptr<Loader> loader_;  // null where the strategy does not load
  EpochBook book_;
  RunCheckpoints checkpoints_;
  RunOutput output_;
  UnfinishedEpoch before_;           // of this run, in its first epoch
  std::int64_t first_step_ = 0;      // steps done before this run; more than 0 when resumed
  std::int64_t steps_done_ = 0;      // by this run and those it resumes
  std::int64_t epoch_ = -1;          // that has begun
  std::int64_t computed_ = 0;        // of its steps
  std::int64_t part_begins_at_ = 0;  // steps done before this part
  std::int64_t losses_checked_ = 0;  // within it
  SteadyTime part_ended_{};
};

}  // namespace lockstep
