// How many threads a kernel over a flat array has, and which elements a thread takes. Device code only.
#pragma once

#include <cstdint>

namespace lockstep::kernels {

constexpr int kThreads = 256;  // a block
constexpr std::int64_t kMostBlocks =
    132 * 8;  // all that an H100 runs at once; what is left over is done in turns

inline unsigned blocks_for(std::int64_t items) {
  const std::int64_t blocks = (items + kThreads - 1) / kThreads;
  return static_cast<unsigned>(blocks < kMostBlocks ? blocks : kMostBlocks);
}

__device__ inline std::int64_t first_index() {
  return static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}
__device__ inline std::int64_t grid_threads() { return static_cast<std::int64_t>(gridDim.x) * blockDim.x; }

// The sum over the block, in a fixed order, in thread 0. warp_sums: shared, (32). All threads call it.
template <typename T>
__device__ T block_sum(T value, T* warp_sums) {
  for (int offset = 16; offset > 0; offset /= 2) value += __shfl_down_sync(0xffffffffu, value, offset);
  const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  if (lane == 0) warp_sums[warp] = value;
  __syncthreads();
  value = threadIdx.x < blockDim.x / 32 ? warp_sums[lane] : T{};
  if (warp == 0)
    for (int offset = 16; offset > 0; offset /= 2) value += __shfl_down_sync(0xffffffffu, value, offset);
  __syncthreads();  // warp_sums is free again
  return value;
}

}  // namespace lockstep::kernels
