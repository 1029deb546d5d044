#include "kernels/grid.cuh"
#include "kernels/launch.hpp"
#include "kernels/norm.hpp"
#include "kernels/stamp.cuh"

namespace lockstep::kernels {
namespace {

__global__ void sum_squares(const float* values, std::int64_t count, double* sums, DeviceMark mark) {
  __shared__ double warp_sums[32];
  if (first_index() == 0) write_mark(mark);
  float sum = 0;
  const std::int64_t quads = count / 4;
  for (std::int64_t i = first_index(); i < quads; i += grid_threads()) {
    const float4 v = reinterpret_cast<const float4*>(values)[i];
    sum += v.x * v.x + v.y * v.y + v.z * v.z + v.w * v.w;
  }
  for (std::int64_t i = 4 * quads + first_index(); i < count; i += grid_threads())
    sum += values[i] * values[i];
  const double total = block_sum(static_cast<double>(sum), warp_sums);
  if (threadIdx.x == 0) sums[blockIdx.x] = total;
}

__global__ void take_root(const double* sums, std::int64_t count, float* norm) {
  __shared__ double warp_sums[32];
  double sum = 0;
  for (std::int64_t i = threadIdx.x; i < count; i += blockDim.x) sum += sums[i];
  sum = block_sum(sum, warp_sums);
  if (threadIdx.x == 0) *norm = static_cast<float>(sqrt(sum));
}

}  // namespace

std::int64_t square_sum_count(std::int64_t elements) { return blocks_for(elements / 4 + 1); }

void square_sums(const float* values, std::int64_t count, double* sums, const DeviceMark& mark,
                 cudaStream_t stream) {
  sum_squares<<<blocks_for(count / 4 + 1), kThreads, 0, stream>>>(values, count, sums, mark);
  check_launch("square_sums");
}

void root_of_sums(const double* sums, std::int64_t count, float* norm, cudaStream_t stream) {
  take_root<<<1, kThreads, 0, stream>>>(sums, count, norm);
  check_launch("root_of_sums");
}

}  // namespace lockstep::kernels
