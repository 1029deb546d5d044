// BucketPlan: which gradient is where in which flat bucket. Pure arithmetic, the same on every rank; no
// tensors.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace lockstep {

struct ParameterShape {
  std::string name;
  std::int64_t elements = 0;
  int element_bytes = 4;
  int kind = 0;  // of the elements: gradients of two kinds never share a bucket
};

struct BucketPlan {
  struct Slot {
    std::size_t parameter = 0;  // index into the parameters the plan was made from
    std::int64_t offset = 0;    // elements from the start of the bucket; a multiple of kAlignment
  };
  struct Bucket {
    std::vector<Slot> slots;    // in the order in which the gradients are expected to become ready
    std::int64_t elements = 0;  // with the padding between slots
  };
  std::vector<Bucket> buckets;         // in launch order
  std::vector<std::size_t> bucket_of;  // by parameter

  // 64 bytes of fp32: every gradient starts on a cache line, so that vector kernels see aligned data.
  static constexpr std::int64_t kAlignment = 16;
};

struct BucketSizes {
  double first_mb = 1;   // MiB; the first bucket is small, so that communication starts early
  double other_mb = 25;  // MiB
  bool operator==(const BucketSizes&) const = default;
};

// Fills buckets greedily in ready order (a permutation of the parameters' indices), one at a time of each
// kind of elements. A bucket closes when it has reached its size; a parameter is never split, so a bucket may
// exceed its size by one parameter.
// Error(bad_input) when ready_order is not a permutation.
BucketPlan plan_buckets(std::span<const ParameterShape> parameters, std::span<const std::size_t> ready_order,
                        const BucketSizes& sizes);

// Last parameter first: the usual order of a backward pass, assumed until the real one has been seen.
std::vector<std::size_t> reverse_order(std::size_t parameters);

}  // namespace lockstep
