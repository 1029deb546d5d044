// Task: what a model is trained for: its loss, what evaluation counts, and what a person is shown of it. The
// training loop is the same for all.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/device_mark.hpp"
#include "data/dataset.hpp"
#include "models/model.hpp"
#include "results/run_data.hpp"

namespace lockstep {

// One rank's part of a step or of a split, on the device.
struct StepBatch {
  Flow inputs;                    // as Model::forward takes them
  torch::Tensor targets;          // (B) classes, (B, U) sentences, (B, T) tokens
  std::int64_t samples = 0;       // real ones; rows from there on are padding and count for nothing
  std::int64_t step_samples = 0;  // real samples of the whole global step
  std::int64_t step_terms = 0;    // what the global step's loss is the mean of, Dataset::loss_terms added up
  std::int64_t first_sample = 0;  // place of row 0 in the global batch
  torch::Tensor terms = {};       // (), fp32: step_terms in a GPU's memory, for a Task that reads_terms()
  MarkOffer* after_loss = nullptr;  // for a kernel of our own that comes last in loss_share()
};

// What evaluation adds up: over batches on the device, then over ranks. Which entry means what is the task's
// own business.
struct Tally {
  torch::Tensor sums;    // (k) fp64
  torch::Tensor counts;  // (n) int64
};

// Of a whole split.
struct Evaluation {
  double loss = 0, metric = 0;         // NaN without samples
  std::map<std::string, double> more;  // by name, of those that Task::measures() declares
  Matrix<std::int64_t> confusion;      // classification: [classes, classes], rows are the true class
};

class Task {
 public:
  virtual ~Task() = default;

  virtual std::string metric() const = 0;  // "accuracy", "mse", "perplexity", "bits_per_byte"
  virtual bool higher_is_better() const = 0;
  virtual double chance() const = 0;  // the metric of a guess; NaN where that says nothing
  // What finish() gives in Evaluation::more: all that a further measure takes is to be declared here.
  virtual std::vector<Measure> measures() const { return {}; }

  // Whether step_terms differs from step to step and is read from batch.terms where that is there, so that a
  // captured step can be replayed with another number.
  virtual bool reads_terms() const { return false; }

  // What the model reads of a batch; inputs come first.
  virtual Flow inputs(const torch::Tensor& inputs, const torch::Tensor& targets) const;

  // This rank's part of the step's mean loss: the sum over its real terms divided by batch.step_terms, so
  // that the SUM over ranks and passes is the mean over the global batch, whatever the shares. output: what
  // the model returned for batch.inputs, all rows or only those of a part of the batch. Returns (), with a
  // graph also when there is no real sample.
  virtual torch::Tensor loss_share(const torch::Tensor& output, const StepBatch& batch) const = 0;

  virtual Tally start_tally(torch::Device device) const = 0;
  // Adds a batch of which every row is real.
  virtual void add(const torch::Tensor& output, const StepBatch& batch, Tally& tally) const = 0;
  // Adds what the model makes of the same rows by itself, without their targets. Most tasks have no such
  // thing. ids: the rows' numbers in `split`.
  virtual void add_generated(Model& model, const StepBatch& batch, const Dataset& split,
                             std::span<const std::int64_t> ids, Tally& tally) const;
  virtual Evaluation finish(const Tally& host_sum) const = 0;  // of the sum over all ranks, on the host

  // What a person wants to see after an epoch: lines for the log, and files in `folder`. One rank, with the
  // whole model in evaluation mode.
  virtual std::vector<std::string> show(Model& model, const Dataset& split, torch::Device device,
                                        const std::string& folder) const;
};

// Error naming what the evaluation holds of measures that the task does not declare.
void require_declared(const Task& task, const Evaluation& evaluation);

// The task of a model of this kind on this data.
std::unique_ptr<Task> make_task(TaskKind kind, const DatasetInfo& info);

std::unique_ptr<Task> make_classification(const DatasetInfo& info);
std::unique_ptr<Task> make_reconstruction();
std::unique_ptr<Task> make_translation(const DatasetInfo& info);
std::unique_ptr<Task> make_language_model(const DatasetInfo& info);

// The rows of the batch that are real: a view, or the tensor itself.
torch::Tensor real_rows(const torch::Tensor& rows, const StepBatch& batch);

// Tallies of `sums` and `counts` entries, all 0.
Tally zero_tally(std::int64_t sums, std::int64_t counts, torch::Device device);

}  // namespace lockstep
