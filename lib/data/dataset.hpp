// Dataset: samples by number, fetched into a batch that the caller owns. Fetching is thread-safe and pure: a
// sample follows from its id (and, for augmentation, seed and epoch), never from who asks.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "config/run_config.hpp"

namespace lockstep {

struct DatasetInfo {
  enum class Kind { images, text };
  std::string name;
  Kind kind = Kind::images;
  std::vector<std::int64_t> sample_shape;  // (C, H, W), or (T) for text
  std::int64_t vocabulary = 0;             // text: ids are below it, 0 is padding
  std::int64_t classes = 0;
  std::vector<std::string> class_names;
  std::string digest;  // of the content of all splits and the settings that shape it, which rows are held out
                       // included
};

// Host tensors, pinned when asked; allocated once, reused by fetch.
struct Batch {
  at::Tensor inputs;      // (capacity, sample_shape...) float32 for images, int64 for text
  at::Tensor targets;     // (capacity) int64
  std::int64_t size = 0;  // samples in use; the rest is stale
};

class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual const DatasetInfo& info() const = 0;
  virtual std::int64_t size() const = 0;
  // Writes sample ids[i] to row i and sets out.size. ids.size() <= capacity. Error when an id is out of
  // range.
  virtual void fetch(std::span<const std::int64_t> ids, std::int64_t epoch, Batch& out) const = 0;
  Batch make_batch(std::int64_t capacity, bool pinned) const;
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
