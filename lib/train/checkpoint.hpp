// Checkpoints: parameters, buffers and the optimizer's state by parameter name, independent of ranks and
// buckets, and of how the model is split. The random course of a run follows from seed and step, so that
// nothing else is needed to go on with the same bits. docs/checkpoints.md describes the file.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "models/model.hpp"
#include "tensors/tensor_file.hpp"
#include "train/flat_optimizer.hpp"

namespace lockstep {

// A parameter's name here -> its name in a checkpoint, where that is another's: the copies of tied weights,
// of which a checkpoint keeps the original alone.
using Aliases = std::map<std::string, std::string>;

// What a checkpoint says beside its tensors.
struct CheckpointFacts {
  std::string run;  // uuid of the run that wrote it
  std::int64_t epochs_done = 0, steps_done = 0;
  std::int64_t total_steps = 0;  // that the run was to take
  std::int64_t global_batch = 0;
  std::string data_digest;
  std::map<std::string, std::string> settings;  // resolved, by dotted key: those that --resume compares
};

// Tensors of a checkpoint, and the host memory that their bytes lie in.
struct CheckpointTensors {
  std::vector<torch::Tensor> memory;
  std::vector<TensorBytes> tensors;
};

// This rank's share. Not collective.
CheckpointTensors checkpoint_tensors(const Model& model, const FlatOptimizer& optimizer,
                                     const Aliases& aliases);
// The tensors of all parts, each an encode_tensors() of one rank's, or empty; what several have, once. The
// result refers to `parts`.
std::vector<TensorBytes> merge_parts(const std::vector<std::string>& parts);

// Rank 0 only. Writes <folder>/epoch_<n>.safetensors, in full before it takes its name, then removes all but
// the newest `keep`. Error(failed) with the cause when the disk does not take it; those before it stay.
void save_checkpoint(const std::string& folder, const CheckpointFacts& facts, std::int64_t keep,
                     std::vector<TensorBytes> tensors);

// What --resume names: a checkpoint, or a run's folder, of which it is the newest. Error(bad_input) when
// there is none.
std::string find_checkpoint(const std::string& resume);
// The configuration of the run that --resume names.
std::string resumed_config(const std::string& resume);

class Checkpoint {
 public:
  // Reads and checks everything but the tensors. Error(bad_input) naming the file; where it is damaged, also
  // the checkpoint before it.
  explicit Checkpoint(const std::string& path);

  const std::string& path() const { return file_.path(); }
  const CheckpointFacts& facts() const { return facts_; }
  std::string digest() const;  // of the file, 8 hexadecimal digits

  // Not collective: each rank reads what it holds of the model, a tensor at a time. Returns the names of what
  // it has read. Error(bad_input) naming file and tensor.
  std::set<std::string> load(Model& model, FlatOptimizer& optimizer, const Aliases& aliases) const;
  // taken: by all ranks. Error(bad_input) naming a tensor that no rank has a place for.
  void require_all_taken(const std::set<std::string>& taken) const;

 private:
  void restore(const std::string& name, torch::Tensor into) const;

  TensorFile file_;
  CheckpointFacts facts_;
};

}  // namespace lockstep
