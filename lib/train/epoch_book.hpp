// EpochBook: the work after an epoch's steps: compare replicas, audit the work, evaluate the model, and write
// what all ranks have recorded to the run file. None of it is in a timed step.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/work_audit.hpp"
#include "launch/world.hpp"
#include "record/epoch_exchange.hpp"
#include "record/run_output.hpp"
#include "results/run_data.hpp"
#include "tasks/task.hpp"
#include "train/evaluation.hpp"
#include "train/setup.hpp"
#include "train/strategy.hpp"
#include "train/unfinished_epoch.hpp"

namespace lockstep {

// The result of a finished run, the same on every rank.
struct TrainingResult {
  std::vector<std::string> invalid_reasons;  // sentences; empty: the run is valid
  std::string interruption;                  // why it ends before its last step; empty: it does not
  double test_metric = 0, validation_metric = 0;
  Matrix<std::int64_t> test_confusion;  // of the last epoch; empty when the task has no classes
};

// An epoch that has been trained.
struct TrainedEpoch {
  std::int64_t number = 0;      // from 0, those of the runs that this one goes on from included
  std::int64_t steps_done = 0;  // from the start of the first of these runs, this epoch's included
  std::int64_t computed = 0;    // of its steps: fewer than all under an ablation
};

class EpochBook {
 public:
  // Everything outlives it.
  EpochBook(Setup& setup, World& world, Strategy& strategy, const Task& task);

  // Rank 0, before the first epoch.
  void record_to(const RunOutput& output) { output_ = output; }

  // Why the runs that this one resumes from are not valid. The same on every rank.
  void inherit(const std::vector<std::string>& invalid_reasons) { result_.invalid_reasons = invalid_reasons; }
  // before: what earlier runs have done of the epoch.
  void begin_epoch(UnfinishedEpoch before);
  // Collective. mine: what this rank has recorded of some steps of the epoch, which continues.
  void add_part(std::int64_t epoch, const RankEpoch& mine);
  // Collective. mine: the same for its last steps; audit, conditions: for everything that this run has done of the
  // epoch.
  void close(const TrainedEpoch& epoch, const RankEpoch& mine, const WorkAudit& audit,
             const EpochConditions& conditions);
  // Losses by this run too, work by earlier ones; losses on rank 0 alone.
  const UnfinishedEpoch& unfinished() const { return unfinished_; }

  const TrainingResult& result() const { return result_; }
  double comm_share() const { return comm_share_; }  // exposed, of the last part; rank 0; negative: not known

 private:
  bool trains() const { return setup_.config.parallel.ablation == Ablation::none; }
  void check_replicas(std::int64_t epoch);
  void object(const std::string& sentence);  // unless empty, a reason why the run is not valid
  AuditRow audit_epoch(const TrainedEpoch& epoch, const WorkAudit& audit);
  EpochRow evaluate_epoch(const TrainedEpoch& epoch);
  void show_epoch();
  std::string epoch_line(std::int64_t epoch, const EpochRow& row, double samples) const;
  EpochTables exchange(std::int64_t epoch, const RankEpoch& mine);
  void write_epoch(std::int64_t epoch, const RankEpoch& mine, EpochRow row, const AuditRow& audit);

  Setup& setup_;
  World& world_;
  Strategy& strategy_;
  const Task& task_;
  RunOutput output_;
  TrainingResult result_;
  UnfinishedEpoch unfinished_;  // rank 0: losses, seconds and samples of the epoch so far
  double seconds_ = 0, samples_ = 0;
  double comm_share_ = -1;
};

}  // namespace lockstep
