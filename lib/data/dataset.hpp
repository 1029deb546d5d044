// Dataset: samples by number, fetched into a batch that the caller owns. Fetching is thread-safe and pure: a
// sample follows from its id (and, for augmentation, seed and epoch), never from who asks.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/sample_kind.hpp"
#include "config/run_config.hpp"

namespace lockstep {

struct DatasetInfo {
  std::string name;
  SampleKind kind = SampleKind::images;
  std::vector<std::int64_t> sample_shape;  // (C, H, W), or (T): the longest sample there is
  std::vector<std::int64_t> target_shape;  // () for a class, (U) for pairs, (T) for tokens
  std::int64_t vocabulary = 0;             // text: ids are below it; 0 is padding but for SampleKind::tokens
  std::int64_t target_vocabulary = 0;      // pairs: the same for the target
  std::int64_t classes = 0;                // 0: the targets are no classes
  std::vector<std::string> class_names;
  // What each id stands for, where a vocabulary was counted: `vocabulary` and `target_vocabulary` entries.
  std::shared_ptr<const std::vector<std::string>> words, target_words;
  std::string digest;  // of the content of all splits and the settings that shape it, which rows are held out
                       // included
};

// Tokens of a sample, or of the rows of a batch. 0 where there are none (images, classes).
struct Lengths {
  std::int64_t input = 0, target = 0;
};

// Host tensors, pinned when asked; allocated once, reused by fetch. Rows lie close together: row i of text
// begins at element i * lengths.input, so that a batch of short texts is a contiguous (size, lengths.input).
struct Batch {
  at::Tensor inputs;      // (capacity, sample_shape...) float32 for images, int64 for text
  at::Tensor targets;     // (capacity, target_shape...) int64
  Lengths lengths;        // of each row; make_batch sets the longest, a caller of fetch may set less
  std::int64_t size = 0;  // samples in use; the rest is stale

  at::Tensor used_inputs() const;   // (size, C, H, W) or (size, lengths.input): a view
  at::Tensor used_targets() const;  // (size) or (size, lengths.target): a view
};

class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual const DatasetInfo& info() const = 0;
  virtual std::int64_t size() const = 0;
  // Tokens of a sample without its padding; images and classes have none.
  virtual Lengths lengths_of(std::int64_t) const { return {}; }
  // What a loss over the sample is the mean of: 1, or the tokens that are predicted.
  virtual std::int64_t loss_terms(std::int64_t) const { return 1; }
  // Pairs: the sentences as they stand in the files, uncut. Empty for other kinds.
  virtual std::string source_text(std::int64_t) const { return {}; }
  virtual std::string target_text(std::int64_t) const { return {}; }
  // Writes sample ids[i] to row i, padded to out.lengths, and sets out.size. ids.size() <= capacity. Error
  // when an id is out of range. A sample longer than out.lengths is a programming error.
  virtual void fetch(std::span<const std::int64_t> ids, std::int64_t epoch, Batch& out) const = 0;
  Batch make_batch(std::int64_t capacity, bool pinned) const;
  // For BatchPlan::lengths: samples of equal numbers have equal lengths, and near numbers near lengths. Pairs
  // are ordered by input, then by target. Null where samples have no lengths.
  std::shared_ptr<const std::vector<std::int32_t>> batching_lengths() const;
};

struct DataSplits {
  std::shared_ptr<const Dataset> train, validation,
      test;  // validation: null when data.validation is 0 and the set has none
  std::vector<std::string>
      notes;  // what the user should know though nothing failed, one line each (a rebuilt cache)
};

// Opens, parses (in parallel, or from the cache) and splits what config.data names. Not collective: each rank
// calls it. Sample ids of each split count from 0. Error(bad_input) names the file and line that is wrong.
DataSplits load_data(const RunConfig& config, int threads);

}  // namespace lockstep
