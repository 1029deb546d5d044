// Which samples each rank trains on, and when: pure functions of seed, epoch and the batch plan. The order of
// an epoch never depends on the number of ranks; ranks take consecutive shares of each global batch.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace lockstep {

struct BatchPlan {
  std::int64_t dataset_size = 0;
  std::int64_t global_batch = 0;  // samples of an optimizer step over all ranks and accumulation steps
  std::int64_t accumulate = 1;
  int ranks = 1;
  std::uint64_t seed = 0;
  bool shuffle = true;  // false: in order (validation, test)
  bool shard =
      true;  // false: every rank gets the whole part, as if it were alone; only for tests of the audit
  // Null: batches by plain shuffling, padded to the data set's longest sample. Else a length for each sample:
  // with `shuffle` global batches are made of samples of similar length, and every batch is padded to the
  // longest sample of its global batch only.
  std::shared_ptr<const std::vector<std::int32_t>> lengths = nullptr;

  std::int64_t steps_per_epoch() const;      // the last step may be short; none is dropped
  std::int64_t largest_micro_batch() const;  // samples of the largest share: what a batch must hold
};

// One rank's samples of one micro step. Global batch step s covers positions [s*G, min((s+1)*G, n)) of the
// order, cut into `accumulate` consecutive parts, each cut into `ranks` consecutive shares; the sizes of
// parts, and of the shares of a part, differ by at most one. A rank whose share is empty gets the part's
// first sample (the step's, where the part is empty too) as padding with weight 0 (`padding` = 1), so that
// every rank takes part in every collective.
struct Share {
  std::span<const std::int64_t> ids;  // into the order; padding included
  std::int64_t padding = 0;           // samples at the end that must not count
  std::int64_t step_samples = 0;      // real samples of the whole global step, the loss's denominator
  std::int64_t first_sample = 0;      // place of ids[0] in the global batch: what dropout masks follow from
  std::span<const std::int64_t> step_ids;  // all ranks' real samples of the global step
};

class Sampler {
 public:
  // Error when a number of the plan is not positive, or there is not a length for each sample.
  explicit Sampler(const BatchPlan& plan);
  void begin_epoch(std::int64_t epoch);  // draws the order
  // Thread-safe between two begin_epoch. 0 <= step < steps_per_epoch(), 0 <= micro < accumulate, 0 <= rank <
  // ranks.
  Share share(std::int64_t step, std::int64_t micro, int rank) const;
  const BatchPlan& plan() const { return plan_; }
  const std::vector<std::int64_t>& order() const { return order_; }

 private:
  void batch_by_length(std::uint64_t epoch);

  BatchPlan plan_;
  std::vector<std::int64_t> order_;
};

}  // namespace lockstep
