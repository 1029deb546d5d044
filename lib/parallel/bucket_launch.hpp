// BucketLaunch: when the buckets of a backward pass are launched: in plan order, because every rank must
// enqueue the same collectives in the same order, and each as soon as all its gradients are ready and the
// buckets before it have been launched. The reducers do the launching.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lockstep {

class BucketLaunch {
 public:
  // A new backward pass with this many buckets, none of which waits for anything yet.
  void begin(std::size_t buckets) {
    waits_for_.assign(buckets, 0);
    next_ = 0;
  }
  void expect(std::size_t bucket, std::int64_t gradients = 1) { waits_for_[bucket] += gradients; }
  // One of the gradients that the bucket waits for is ready.
  void ready(std::size_t bucket) { --waits_for_[bucket]; }

  // Buckets from this one on are not launched.
  std::size_t next() const { return next_; }
  bool done() const { return next_ == waits_for_.size(); }
  bool next_is_complete() const { return !done() && waits_for_[next_] == 0; }
  bool is_last(std::size_t bucket) const { return bucket + 1 == waits_for_.size(); }
  // Returns the next bucket, which counts as launched from now on.
  std::size_t take() { return next_++; }

 private:
  std::vector<std::int64_t> waits_for_;  // gradients, by bucket
  std::size_t next_ = 0;
};

}  // namespace lockstep
