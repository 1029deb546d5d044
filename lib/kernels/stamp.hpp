// When a captured step came to its marks, written by the step itself: by a kernel of its own (base/device_mark.hpp), or
// by one of one thread that stands beside them, in place of an event, which costs a graph ten times as much. The last
// kernel of the step brings all of them to the host.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "base/device_mark.hpp"

namespace lockstep::kernels {

// What the replays of one graph write to.
struct StampRing {
  std::uint64_t*
      words;  // (depth, stride), page-locked memory of the host, in turn; 0 before a replay has ended
  std::uint64_t* marks;  // (stride), device memory: of the replay that runs
  std::uint64_t* count;  // (1), device memory: replays that have ended
  std::uint32_t depth, stride;
};

// The device's global timer, in ns.
void stamp(const DeviceMark& mark, cudaStream_t stream);
// The last of a replay, after all others: brings marks [0, index) to the host, the two numbers, as one word at index + 1,
// and after these the time, at index.
void stamp_end(const StampRing& ring, std::uint32_t index, const float* first, const float* second,
               cudaStream_t stream);
// Into a word of page-locked memory.
void stamp_at(std::uint64_t* word, cudaStream_t stream);

}  // namespace lockstep::kernels
