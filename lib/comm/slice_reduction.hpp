// Adds up the same slice of several buffers and writes the result into several: what ranks that share memory
// do to their buckets. No communication.
#pragma once

#include <c10/core/ScalarType.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "comm/communicator.hpp"

namespace lockstep {

struct SliceReduction {
  at::ScalarType dtype = at::kFloat;  // one that Communicator names
  ReduceOp op = ReduceOp::sum;        // mean: floating-point only; counts as sum, see scale
  double scale = 1;                   // of a floating-point result
  // Whether the result goes past the caches: faster where it would not stay there anyway.
  bool past_caches = false;
};

// Elements [begin, end) of the sources into the same places of the destinations; a source may be a
// destination. The elements are combined in the order of the sources, 16-bit ones in fp32 and rounded once, to
// nearest even: the same bits whoever does it. What was written is visible to whoever sees a later release
// store of this thread.
void reduce_slices(const SliceReduction& reduction, std::span<const std::byte* const> sources,
                   std::span<std::byte* const> destinations, std::int64_t begin, std::int64_t end);

// Of the last-level cache; guessed where the system does not know.
std::int64_t cache_bytes();

}  // namespace lockstep
