#include "kernels/grid.cuh"
#include "kernels/launch.hpp"
#include "kernels/stamp.cuh"
#include "kernels/take_batch.hpp"

namespace lockstep::kernels {
namespace {

__device__ void copy(const TwoPlaces& array, std::uint64_t place) {
  const auto* const from = static_cast<const char*>(array.from[place]);
  auto* const to = static_cast<char*>(array.to);
  const auto whole = static_cast<std::int64_t>(array.bytes / sizeof(uint4)), rest = whole * 16;
  for (std::int64_t i = first_index(); i < whole; i += grid_threads())
    reinterpret_cast<uint4*>(to)[i] = reinterpret_cast<const uint4*>(from)[i];
  const std::int64_t i = rest + first_index();
  if (i < static_cast<std::int64_t>(array.bytes)) to[i] = from[i];
}

// The last block to be done writes the mark.
__global__ void take(TakeBatch what) {
  const std::uint64_t place = *what.count % 2;
  copy(what.inputs, place);
  copy(what.targets, place);
  if (what.mark.word == nullptr) return;
  __syncthreads();
  if (threadIdx.x != 0 || atomicAdd(what.ticket, 1) + 1 < gridDim.x) return;
  *what.ticket = 0;
  write_mark(what.mark);
}

}  // namespace

void take_batch(const TakeBatch& what, cudaStream_t stream) {
  const std::size_t bytes = what.inputs.bytes + what.targets.bytes;
  take<<<blocks_for(static_cast<std::int64_t>(bytes / sizeof(uint4)) + 1), kThreads, 0, stream>>>(what);
  check_launch("take_batch");
}

}  // namespace lockstep::kernels
