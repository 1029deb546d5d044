// When a captured step came to its marks, written by the step itself: a kernel of one thread that stands
// beside the step's own, in place of an event, which costs a graph ten times as much.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace lockstep::kernels {

// What the replays of one graph write to, in turn.
struct StampRing {
  std::uint64_t* words;  // (depth, stride), page-locked memory of the host; 0 before a replay gets there
  std::uint64_t* count;  // (1), device memory: replays that have ended
  std::uint32_t depth, stride;
};

// The device's global timer, in ns, into word `index` of the replay that runs.
void stamp(const StampRing& ring, std::uint32_t index, cudaStream_t stream);
// The same as the last of a replay, after all others: before it the two numbers, as one word at index + 1.
void stamp_end(const StampRing& ring, std::uint32_t index, const float* first, const float* second,
               cudaStream_t stream);
// Into a word of page-locked memory.
void stamp_at(std::uint64_t* word, cudaStream_t stream);

}  // namespace lockstep::kernels
