// Trainer: the one training loop. Runs epochs of timed steps, evaluates, audits, and hands each epoch to the
// run file.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "data/loader.hpp"
#include "data/work_audit.hpp"
#include "launch/world.hpp"
#include "results/run_writer.hpp"
#include "tasks/task.hpp"
#include "timing/recorder.hpp"
#include "train/checkpoint.hpp"
#include "train/comm_log.hpp"
#include "train/cuda_graph.hpp"
#include "train/epoch_exchange.hpp"
#include "train/evaluation.hpp"
#include "train/flat_optimizer.hpp"
#include "train/gpu_monitor.hpp"
#include "train/progress.hpp"
#include "train/setup.hpp"
#include "train/strategy.hpp"
#include "train/training_step.hpp"
#include "train/training_stream.hpp"

namespace lockstep {

// What a finished run has to say for itself, the same on every rank.
struct TrainingResult {
  std::vector<std::string> invalid_reasons;  // sentences; empty: the run is valid
  double test_metric = 0, validation_metric = 0;
  Matrix<std::int64_t> test_confusion;  // of the last epoch; empty when the task has no classes
};

class Trainer {
 public:
  // Collective. Everything outlives the trainer. run: its uuid. origin: the common start, on this rank's
  // clock.
  Trainer(Setup& setup, World& world, SteadyTime origin, std::string run);

  // Collective. Goes on after the checkpoint's last epoch. Before run(). Error(bad_input) on every rank when
  // it does not fit.
  void resume(const Checkpoint& checkpoint);
  // Rank 0, before run(): what the run is written to. folder: of checkpoints, and of pictures that the task
  // has to show.
  void record_to(RunWriter& writer, Progress& progress, std::string folder);

  // Collective. All epochs. Throws when a loss is not finite, or anything fails.
  TrainingResult run();

  Strategy& strategy() { return *strategy_; }

 private:
  std::int64_t steps_in_epoch(std::int64_t epoch) const;
  bool trains() const { return setup_.config.parallel.ablation == Ablation::none; }
  // comm_only computes the first step of the run alone, from which the buckets are laid out.
  bool computes(std::int64_t epoch, std::int64_t step) const {
    return setup_.config.parallel.ablation != Ablation::comm_only || (epoch == first_epoch_ && step == 0);
  }
  // Tells the watchdog what this rank is at.
  void at(const char* part, std::int64_t number);
  void run_epoch(std::int64_t epoch, TrainingResult& result);
  void run_steps(std::int64_t epoch, std::int64_t steps);
  void adopt_rebuilt_buckets();
  void capture_step();
  void report_graphs();
  void require_finite_losses();
  void show_progress(std::int64_t epoch, std::int64_t step);
  RankEpoch collect(std::int64_t steps);
  void check_replicas(std::int64_t epoch, TrainingResult& result);
  AuditRow audit_epoch(std::int64_t epoch, std::int64_t steps, TrainingResult& result);
  EpochRow evaluate_epoch(std::int64_t epoch, TrainingResult& result);
  void show_epoch();
  void collect_stages(const std::vector<StepSpans>& spans, RankEpoch& epoch) const;
  std::string epoch_line(std::int64_t epoch, const EpochRow& row, double samples) const;
  void write_epoch(std::int64_t epoch, const RankEpoch& mine, EpochRow row, const AuditRow& audit);
  void save_checkpoint_if_due(std::int64_t epochs_done);
  Aliases aliases() const;
  void report_overhead(const RankEpoch& epoch);

  Setup& setup_;
  World& world_;
  TrainingStream stream_;        // before anything that is made on it
  RunWriter* writer_ = nullptr;  // rank 0 alone has these two
  Progress* progress_ = nullptr;
  std::unique_ptr<Task> task_;
  WorkLog log_;
  CommLog comm_log_;
  std::unique_ptr<Strategy> strategy_;
  std::unique_ptr<DeviceTimeline> timeline_;
  StepRecorder recorder_;
  FlatOptimizer optimizer_;
  WorkAudit audit_;
  std::string graph_obstacle_;  // why no step is captured; empty: steps are
  StepGraphs graphs_;
  TrainingStep step_;
  std::unique_ptr<GpuMonitor> gpu_monitor_;  // null where there is nobody to ask
  GpuOfRank gpu_;                            // in this epoch
  std::unique_ptr<Loader> loader_;           // null where the strategy does not load
  std::string run_;                          // uuid
  std::string folder_;                       // of the run; empty but on rank 0
  std::int64_t first_epoch_ = 0;             // of this run; later when resumed
  std::int64_t steps_done_ = 0;              // before this epoch, by this run and those it resumes
  std::int64_t recorded_steps_ = 0;          // before this epoch, in this run's file
  std::int64_t losses_checked_ = 0;          // within this epoch
  double comm_share_ = -1;
};

}  // namespace lockstep
