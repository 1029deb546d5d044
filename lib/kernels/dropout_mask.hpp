// Which elements dropout zeroes: computed where they are needed, in the backward pass once more, never
// stored.
#pragma once

#include <cstdint>

namespace lockstep::kernels {

// Element e is dropped when word e % 4 of a Philox block is below `threshold`; its counter is {offset / 4,
// e / 4}, 64 bits each, and its key the seed. What is kept is multiplied by `scale`.
struct DropoutMask {
  // Device memory where the seed and the first part of the offset stand when a captured step runs; null: they
  // are `seed`, and 0.
  const std::int64_t* seed_place = nullptr;
  const std::int64_t* offset_place = nullptr;
  std::uint64_t seed = 0, offset = 0;
  std::uint32_t threshold = 0;  // of 2^32; 0: nothing is dropped, and the rest is not read
  float scale = 1;
};

}  // namespace lockstep::kernels
