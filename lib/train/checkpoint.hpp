// Checkpoints: parameters, buffers and the optimizer's state by parameter name, independent of ranks and
// buckets, and of how the model is split; with them what the same ranks need to continue bit-identically
// (rank_state.hpp) and, within an epoch, the sums so far (unfinished_epoch.hpp). docs/checkpoints.md
// describes the file.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <cstring>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/reduction.hpp"
#include "models/model.hpp"
#include "tensors/tensor_file.hpp"
#include "train/flat_optimizer.hpp"

namespace lockstep {

// A parameter's name here -> its name in a checkpoint, where that is another's: the copies of tied weights,
// of which a checkpoint keeps the original alone.
using Aliases = std::map<std::string, std::string>;

// What a checkpoint holds besides its tensors.
struct CheckpointFacts {
  std::string run;                               // uuid of the run that wrote it
  std::int64_t epochs_done = 0, steps_done = 0;  // whole epochs; all steps
  bool within_epoch = false;                     // steps of a further epoch are done
  std::int64_t total_steps = 0;                  // that the run was to take
  std::int64_t global_batch = 0;
  std::string data_digest;
  std::string mode = {};  // of the run that wrote it; empty: of an earlier version, without the ranks' state
  std::int64_t ranks = 0;
  bool order_learnt = false;                      // its ranks say how their buckets were laid out
  std::optional<Reduction> reduction = {};        // that its ranks have chosen by trial
  std::vector<std::string> invalid_reasons = {};  // why the training so far is not valid
  std::map<std::string, std::string> settings;    // resolved, by dotted key: those that --resume compares
};

// Tensors of a checkpoint, and the host memory that their bytes lie in: copies of their own.
struct CheckpointTensors {
  std::vector<torch::Tensor> memory;
  std::list<std::string> columns;
  std::vector<std::string> parts;  // of several ranks
  std::vector<TensorBytes> tensors;

  // One of the types of kColumnType, in one dimension.
  template <typename T>
  void add(const std::string& name, std::span<const T> values);
};

template <typename T>
inline constexpr const char* kColumnType = nullptr;
template <>
inline constexpr const char* kColumnType<std::int64_t> = "I64";
template <>
inline constexpr const char* kColumnType<double> = "F64";
template <>
inline constexpr const char* kColumnType<char> = "U8";

template <typename T>
void CheckpointTensors::add(const std::string& name, std::span<const T> values) {
  const std::string& bytes =
      columns.emplace_back(reinterpret_cast<const char*>(values.data()), values.size_bytes());
  tensors.push_back({name, kColumnType<T>, {static_cast<std::int64_t>(values.size())}, bytes});
}

// This rank's share. moments: the optimizer's. Not collective. On return the model may change.
CheckpointTensors checkpoint_tensors(const Model& model, const std::vector<FlatOptimizer::Moment>& moments,
                                     const Aliases& aliases);
// The tensors of all parts, each an encode_tensors() of one rank's, or empty; what several have, once. The
// result refers to `parts`.
std::vector<TensorBytes> merge_parts(const std::vector<std::string>& parts);

// Rank 0 only. Writes <folder>/epoch_<n>.safetensors, within an epoch epoch_<n>_step_<n>.safetensors, in full
// before it takes its name, then removes all but the newest `keep`. Returns its path. Error(failed) with the
// cause when the disk does not take it; those before it stay.
std::string save_checkpoint(const std::string& folder, const CheckpointFacts& facts, std::int64_t keep,
                            std::vector<TensorBytes> tensors);

// The checkpoint that --resume names: a file, or the newest of a run's folder. Error(bad_input) when there is
// none.
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
  // What CheckpointTensors::add has added under this name; empty where it is not there. Error(bad_input) where
  // it is of another type.
  template <typename T>
  std::vector<T> column(const std::string& name) const {
    const std::string bytes = column_bytes(name, kColumnType<T>);
    std::vector<T> values(bytes.size() / sizeof(T));
    std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
    return values;
  }
  // taken: by all ranks. Error(bad_input) naming a tensor that no rank has a place for.
  void require_all_taken(const std::set<std::string>& taken) const;

 private:
  void restore(const std::string& name, torch::Tensor into) const;
  std::string column_bytes(const std::string& name, const std::string& type) const;

  TensorFile file_;
  CheckpointFacts facts_;
};

}  // namespace lockstep
