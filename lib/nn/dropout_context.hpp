// What a dropout mask follows from, besides its layer: set from outside before each training forward pass, so
// that a sample is masked alike whichever rank and micro batch it lands on.
#pragma once

#include <cstdint>

namespace lockstep {

struct DropoutContext {
  std::uint64_t seed = 0;
  std::int64_t step = 0;          // optimizer steps since the start of the run, over all epochs
  std::int64_t first_sample = 0;  // place of the forward pass's first sample in the global batch
};

}  // namespace lockstep
