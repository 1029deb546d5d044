#include "kernels/column_sums.hpp"
#include "kernels/columns.cuh"
#include "kernels/launch.hpp"

namespace lockstep::kernels {
namespace {

constexpr int kTotalLanes = 32;

// A block: 32 columns of one kind; its rows of threads share the parts.
__global__ void add_up(ColumnTotals what) {
  __shared__ float sums[kTotalLanes][33];
  const std::int64_t column = static_cast<std::int64_t>(blockIdx.x) * 32 + threadIdx.x, kind = blockIdx.y;
  if (what.totals[kind] == nullptr) return;
  float sum = 0;
  if (column < what.columns) {
    const float* next = what.partial_sums + kind * what.columns + column;
#pragma unroll 4
    for (std::int64_t part = threadIdx.y; part < what.parts; part += kTotalLanes)
      sum += next[part * what.kinds * what.columns];
  }
  sums[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y != 0 || column >= what.columns) return;
  for (int lane = 1; lane < kTotalLanes; ++lane) sum += sums[lane][threadIdx.x];
  float* const total = what.totals[kind] + column;
  *total = what.add[kind] ? *total + sum : sum;
}

}  // namespace

std::int64_t column_parts(std::int64_t rows, std::int64_t columns) { return column_blocks(rows, columns); }

void column_totals(const ColumnTotals& what, cudaStream_t stream) {
  if (what.columns == 0) return;
  const dim3 grid(static_cast<unsigned>((what.columns + 31) / 32), static_cast<unsigned>(what.kinds));
  add_up<<<grid, dim3(32, kTotalLanes), 0, stream>>>(what);
  check_launch("column_totals");
}

}  // namespace lockstep::kernels
