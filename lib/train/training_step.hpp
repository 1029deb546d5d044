// TrainingStep: the timed step, written once for every mode.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/run_config.hpp"
#include "data/loader.hpp"
#include "data/work_audit.hpp"
#include "results/step_columns.hpp"
#include "tasks/task.hpp"
#include "timing/recorder.hpp"
#include "train/cuda_graph.hpp"
#include "train/flat_optimizer.hpp"
#include "train/strategy.hpp"
#include "train/training_stream.hpp"

namespace lockstep {

// Two numbers a step, written by the device as it goes and read by the host once the step has been resolved.
class StepResults {
 public:
  StepResults(torch::Device device, std::int64_t steps);
  // One element each; never blocks.
  void write(std::int64_t step, const torch::Tensor& loss, const torch::Tensor& norm);
  float* place(std::int64_t step) { return data_ + 2 * step; }  // of the two
  float loss(std::int64_t step) const { return data_[2 * step]; }
  float norm(std::int64_t step) const { return data_[2 * step + 1]; }

 private:
  torch::Tensor host_;  // (steps, 2) fp32, pinned when the device is a GPU
  float* data_;
};

// What a step was made of, without padding samples.
struct StepWork {
  std::int64_t samples = 0;        // of this rank
  std::int64_t loss_terms = 0;     // of this rank: what its loss is the mean of
  std::int64_t step_terms = 0;     // of all ranks
  std::int64_t tokens = 0;         // real ones of this rank, inputs and targets; 0 for images
  std::int64_t padded_tokens = 0;  // places of this rank's texts that held padding
};

class TrainingStep {
 public:
  // Everything outlives the step.
  TrainingStep(const RunConfig& config, torch::Device device, Strategy& strategy, const Task& task,
               FlatOptimizer& optimizer, StepRecorder& recorder, WorkAudit& audit, StepGraphs& graphs);

  // An upper bound of the phases that one step enters.
  static std::size_t phases(const Strategy& strategy, std::int64_t accumulate) {
    return (2 + strategy.phases_per_pass()) * static_cast<std::size_t>(accumulate) + 6;
  }

  void begin_epoch(std::int64_t steps);  // allocates what the epoch's steps write to
  // Collective. `step` counts within the epoch, `global_step` from the start of the run. loader: null where
  // the strategy does not load.
  void run(Loader* loader, std::int64_t step, std::int64_t global_step, double learning_rate);
  // Collective. The step's collectives alone, one after the other: nothing is computed, no sample counts.
  void communicate(std::int64_t step);

  // Whether the step that has run last is to be captured now, before the next: equal on all ranks.
  bool may_capture() const { return candidate_.has_value(); }
  // Captures it. Returns why that failed, empty if it did not; after a failure steps go on uncaptured. Not
  // collective. The recorder is between two steps.
  std::string capture();
  // Steps go on uncaptured: on another rank a capture has failed.
  void drop_captured();

  // This rank's share of the global mean loss of the step, and the norm of the reduced gradient.
  float loss_share(std::int64_t step) const { return results_.loss(step); }
  float mean_loss(std::int64_t step) const;  // over this rank's samples; 0 when it had none
  float gradient_norm(std::int64_t step) const { return results_.norm(step); }
  const StepWork& work(std::int64_t step) const { return work_[static_cast<std::size_t>(step)]; }
  // What the step was made of and came to, into its row.
  void count(std::int64_t step, StepRow& row) const;

 private:
  // The next batch of this rank, counted; null where the strategy does not load.
  const LoadedBatch* load(Loader* loader, StepWork& work);
  StepBatch batch_of(const LoadedBatch* loaded);
  void prepare(const LoadedBatch* loaded, std::int64_t global_step, double learning_rate);
  // What is left after the passes. Returns the norm of the gradient, one element; 0 where nothing is updated.
  torch::Tensor finish();
  void replay(StepGraphs::Step& captured, const LoadedBatch& loaded, std::int64_t step);
  StepGraphs::Key key_of(const LoadedBatch& loaded) const;  // empty: such a step is not captured

  const RunConfig::Training& training_;
  std::uint64_t training_seed_;
  torch::Device device_;
  Strategy& strategy_;
  const Task& task_;
  FlatOptimizer& optimizer_;
  StepRecorder& recorder_;
  WorkAudit& audit_;
  StepGraphs& graphs_;
  PendingCopies copies_;
  StepResults results_;
  torch::Tensor terms_;  // (), StepBatch::terms; undefined where nobody reads it
  std::vector<StepWork> work_;
  struct Candidate {
    StepGraphs::Key key;
    StepBatch batch;
  };
  std::optional<Candidate> candidate_;
};

// The first `rows` rows of a loaded batch on the device: copied asynchronously from pinned memory; on the CPU
// the tensors themselves. Of them the loader's padding rows are not real.
StepBatch to_device(const LoadedBatch& loaded, const Task& task, torch::Device device, std::int64_t rows);

}  // namespace lockstep
