// A pass over a matrix in which a thread keeps its columns: the next row's are where the last row's were, so
// that sums over rows stay in registers. Device code only.
#pragma once

#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstdint>

#include "kernels/launch.hpp"

namespace lockstep::kernels {

constexpr int kColumnThreads = 32, kRowThreads = 8;

// Blocks that share the rows: enough of them to fill the card twice over, a few rows a thread.
inline std::int64_t column_blocks(std::int64_t rows, std::int64_t columns) {
  constexpr std::int64_t kBlocks = 132 * 16, kRowsEach = 4, kWidest = 8;
  const std::int64_t across = (columns + kColumnThreads * kWidest - 1) / (kColumnThreads * kWidest);
  const std::int64_t wanted = (rows + kRowThreads * kRowsEach - 1) / (kRowThreads * kRowsEach);
  return std::max<std::int64_t>(1, std::min(kBlocks / std::max<std::int64_t>(across, 1), wanted));
}

// body.template at<W>(row, column, values) does the work for W neighbours and leaves in values what is summed
// over the rows. partial_sums: (gridDim.y, columns), or null.
template <int W, typename Body>
__global__ void __launch_bounds__(kColumnThreads* kRowThreads)
    over_columns(Body body, std::int64_t rows, std::int64_t columns, float* partial_sums) {
  __shared__ float lanes[kRowThreads][kColumnThreads * W];
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * kColumnThreads * W;
  const std::int64_t column = first + threadIdx.x * W;
  float sums[W] = {};
  if (column < columns) {
    const std::int64_t step = static_cast<std::int64_t>(gridDim.y) * kRowThreads;
    for (std::int64_t row = static_cast<std::int64_t>(blockIdx.y) * kRowThreads + threadIdx.y; row < rows;
         row += step) {
      float values[W];
      body.template at<W>(row, column, values);
#pragma unroll
      for (int i = 0; i < W; ++i) sums[i] += values[i];
    }
  }
  if (partial_sums == nullptr) return;
#pragma unroll
  for (int i = 0; i < W; ++i) lanes[threadIdx.y][threadIdx.x * W + i] = sums[i];
  __syncthreads();
  for (int c = threadIdx.y * kColumnThreads + threadIdx.x; c < kColumnThreads * W;
       c += kColumnThreads * kRowThreads) {
    float sum = 0;
#pragma unroll
    for (int lane = 0; lane < kRowThreads; ++lane) sum += lanes[lane][c];
    if (first + c < columns) partial_sums[static_cast<std::int64_t>(blockIdx.y) * columns + first + c] = sum;
  }
}

template <int W, typename Body>
void launch_over_columns(const Body& body, std::int64_t rows, std::int64_t columns, float* partial_sums,
                         cudaStream_t stream) {
  constexpr std::int64_t kAcross = kColumnThreads * W;
  const dim3 grid(static_cast<unsigned>((columns + kAcross - 1) / kAcross),
                  static_cast<unsigned>(column_blocks(rows, columns)));
  over_columns<W><<<grid, dim3(kColumnThreads, kRowThreads), 0, stream>>>(body, rows, columns, partial_sums);
}

// W neighbours a thread where `vectors` says that every pointer allows it, else one. name: of the kernel, for
// messages.
template <int W, typename Body>
void pass_over_columns(const Body& body, bool vectors, std::int64_t rows, std::int64_t columns,
                       float* partial_sums, cudaStream_t stream, const char* name) {
  if (columns == 0) return;  // without rows the sums are zeros
  if (vectors)
    launch_over_columns<W>(body, rows, columns, partial_sums, stream);
  else
    launch_over_columns<1>(body, rows, columns, partial_sums, stream);
  check_launch(name);
}

}  // namespace lockstep::kernels
