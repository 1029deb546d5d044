#include "kernels/launch.hpp"
#include "kernels/stamp.cuh"
#include "kernels/stamp.hpp"

namespace lockstep::kernels {
namespace {

__global__ void write_alone(DeviceMark mark) { write_mark(mark); }

// One warp.
__global__ void write_end(StampRing ring, std::uint32_t index, const float* first, const float* second) {
  volatile std::uint64_t* const to = ring.words + *ring.count % ring.depth * ring.stride;
  for (std::uint32_t i = threadIdx.x; i < index; i += blockDim.x) to[i] = ring.marks[i];
  if (threadIdx.x == 0) {
    auto* const numbers = reinterpret_cast<volatile float*>(to + index + 1);
    numbers[0] = *first;
    numbers[1] = *second;
  }
  __threadfence_system();  // whoever sees the time sees the rest
  __syncwarp();
  if (threadIdx.x != 0) return;
  write_time(const_cast<std::uint64_t*>(to) + index);
  ++*ring.count;
}

__global__ void write_now(std::uint64_t* word) { write_time(word); }

}  // namespace

void stamp(const DeviceMark& mark, cudaStream_t stream) {
  write_alone<<<1, 1, 0, stream>>>(mark);
  check_launch("stamp");
}

void stamp_end(const StampRing& ring, std::uint32_t index, const float* first, const float* second,
               cudaStream_t stream) {
  write_end<<<1, 32, 0, stream>>>(ring, index, first, second);
  check_launch("stamp_end");
}

void stamp_at(std::uint64_t* word, cudaStream_t stream) {
  write_now<<<1, 1, 0, stream>>>(word);
  check_launch("stamp_at");
}

}  // namespace lockstep::kernels
