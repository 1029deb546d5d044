#include <algorithm>

#include "base/error.hpp"
#include "kernels/dropout_mask.cuh"
#include "kernels/launch.hpp"
#include "kernels/residual_norm.hpp"
#include "kernels/vector.cuh"

namespace lockstep::kernels {
namespace {

constexpr int kBlockThreads = 256;

// A block has `lanes` rows at a time, each by `threads` threads, whole warps, of which a thread has V times W
// columns: W neighbours, and on by threads * W.
struct Shape {
  int width;  // W
  int turns;  // V
  unsigned threads, lanes, blocks;
};

unsigned warps_of(std::int64_t columns, int width, int turns) {
  return static_cast<unsigned>((columns + 32 * width * turns - 1) / (32 * width * turns));
}

Shape shape_of(std::int64_t rows, std::int64_t columns, bool vectors) {
  if (columns > kMostNormColumns)
    throw run_error("a layer norm over {} columns; at most {} fit a block", columns, kMostNormColumns);
  const int width = vectors ? 4 : 1;
  int turns = 1;
  while (turns < 8 && warps_of(columns, width, turns) * 32 > kBlockThreads) turns *= 2;
  const unsigned threads = warps_of(columns, width, turns) * 32;
  const unsigned lanes = std::max(1u, kBlockThreads / threads);
  const std::int64_t groups = (rows + lanes * 4 - 1) / (lanes * 4);  // four rows a lane, or more
  return {width, turns, threads, lanes, static_cast<unsigned>(std::clamp<std::int64_t>(groups, 1, 132 * 6))};
}

// Sums over the threads of one row, for each thread of it. Every thread of the block calls it. Two places are
// used in turn: a thread that writes the one has seen all others read it.
class RowSums {
 public:
  template <int N>
  __device__ void operator()(float (&values)[N]) {
    __shared__ float places[2][32][2];
#pragma unroll
    for (int i = 0; i < N; ++i)
      for (int offset = 16; offset > 0; offset /= 2)
        values[i] += __shfl_xor_sync(0xffffffffu, values[i], offset);
    const unsigned warps = blockDim.x / 32;
    if (warps == 1) return;
    auto& place = places[turn_];
    turn_ ^= 1;
    const unsigned first = threadIdx.y * warps;
    if (threadIdx.x % 32 == 0)
#pragma unroll
      for (int i = 0; i < N; ++i) place[first + threadIdx.x / 32][i] = values[i];
    __syncthreads();
#pragma unroll
    for (int i = 0; i < N; ++i) values[i] = 0;
    for (unsigned warp = 0; warp < warps; ++warp)
#pragma unroll
      for (int i = 0; i < N; ++i) values[i] += place[first + warp][i];
  }

 private:
  int turn_ = 0;
};

template <int W>
__device__ int column_of(int turn) {
  return static_cast<int>((turn * blockDim.x + threadIdx.x) * W);
}

template <int W>
__device__ void read_sum(const ResidualNorm& n, const MaskReader& mask, std::int64_t place, int column,
                         float (&x)[W]) {
  load<W>(n.base + place, x);
  if (n.branch.values != nullptr) {
    float add[W], bias[W];
    load<W>(n.branch.values + place, add);
    if (n.branch.bias != nullptr) {
      load<W>(n.branch.bias + column, bias);
#pragma unroll
      for (int i = 0; i < W; ++i) add[i] += bias[i];
    }
    mask.apply<W>(place, add);
#pragma unroll
    for (int i = 0; i < W; ++i) x[i] += add[i];
  }
  if (n.sum != nullptr) store<W>(n.sum + place, x);
}

// Threads that a block may have: wide rows without vectors take the most there are.
template <int W>
constexpr int kMostThreads = W == 1 ? 1024 : kBlockThreads;

template <int W, int V>
__global__ void __launch_bounds__(kMostThreads<W>) normalise(ResidualNorm n) {
  const MaskReader mask(n.branch.mask);
  const auto columns = static_cast<int>(n.columns);
  RowSums row_sums;
  for (std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * blockDim.y; first < n.rows;
       first += static_cast<std::int64_t>(gridDim.x) * blockDim.y) {
    const std::int64_t row = first + threadIdx.y;
    const bool real = row < n.rows;
    float x[V][W] = {};
    float mean[1] = {}, variance[1] = {};
#pragma unroll
    for (int v = 0; v < V; ++v) {
      const int column = column_of<W>(v);
      if (!real || column >= columns) continue;
      read_sum<W>(n, mask, row * columns + column, column, x[v]);
#pragma unroll
      for (int i = 0; i < W; ++i) mean[0] += x[v][i];
    }
    row_sums(mean);
    mean[0] /= static_cast<float>(columns);
#pragma unroll
    for (int v = 0; v < V; ++v)
#pragma unroll
      for (int i = 0; i < W; ++i) {
        x[v][i] -= mean[0];
        if (column_of<W>(v) < columns) variance[0] += x[v][i] * x[v][i];
      }
    row_sums(variance);
    if (!real) continue;
    const float rstd = rsqrtf(variance[0] / static_cast<float>(columns) + n.eps);
    if (threadIdx.x == 0) n.mean[row] = mean[0], n.rstd[row] = rstd;
#pragma unroll
    for (int v = 0; v < V; ++v) {
      const int column = column_of<W>(v);
      if (column >= columns) continue;
      float gamma[W], beta[W];
      load<W>(n.gamma + column, gamma);
      load<W>(n.beta + column, beta);
#pragma unroll
      for (int i = 0; i < W; ++i) x[v][i] = x[v][i] * rstd * gamma[i] + beta[i];
      const std::int64_t place = row * columns + column;
      if (n.normed != nullptr) store<W>(n.normed + place, x[v]);
      if (n.normed_bf16 != nullptr) store<W>(n.normed_bf16 + place, x[v]);
    }
  }
}

// What came back for normed, from both of its forms.
template <int W>
__device__ void read_gradient(const ResidualNormBackward& n, std::int64_t place, float (&g)[W]) {
#pragma unroll
  for (int i = 0; i < W; ++i) g[i] = 0;
  if (n.d_normed_bf16 != nullptr) load<W>(n.d_normed_bf16 + place, g);
  if (n.d_normed == nullptr) return;
  float more[W];
  load<W>(n.d_normed + place, more);
#pragma unroll
  for (int i = 0; i < W; ++i) g[i] += more[i];
}

// Over the block's lanes, of one kind of sums: row `kind` of the block's part.
template <int W, int V>
__device__ void leave_sums(const ResidualNormBackward& n, int kind, const float (&sums)[V][W]) {
  extern __shared__ float lanes[];  // (lanes, threads, W)
  const auto columns = static_cast<int>(n.columns);
  float* const part = n.partial_sums + (static_cast<std::int64_t>(blockIdx.x) * 3 + kind) * columns;
#pragma unroll
  for (int v = 0; v < V; ++v) {
    __syncthreads();
#pragma unroll
    for (int i = 0; i < W; ++i) lanes[(threadIdx.y * blockDim.x + threadIdx.x) * W + i] = sums[v][i];
    __syncthreads();
    const int column = column_of<W>(v);
    if (threadIdx.y != 0 || column >= columns) continue;
    for (int i = 0; i < W; ++i) {
      float sum = 0;
      for (unsigned lane = 0; lane < blockDim.y; ++lane)
        sum += lanes[(lane * blockDim.x + threadIdx.x) * W + i];
      part[column + i] = sum;
    }
  }
}

// With g = d_normed gamma and h the normalised row: d_sum + rstd (g - mean(g) - h mean(g h)).
template <int W, int V>
__global__ void __launch_bounds__(kMostThreads<W>) normalise_backward(ResidualNormBackward n) {
  const MaskReader mask(n.mask);
  const auto columns = static_cast<int>(n.columns);
  float d_gamma[V][W] = {}, d_beta[V][W] = {}, d_bias[V][W] = {};
  RowSums row_sums;
  for (std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * blockDim.y; first < n.rows;
       first += static_cast<std::int64_t>(gridDim.x) * blockDim.y) {
    const std::int64_t row = first + threadIdx.y;
    const bool real = row < n.rows;
    const float mean = real ? n.mean[row] : 0.0f, rstd = real ? n.rstd[row] : 0.0f;
    float g[V][W] = {}, h[V][W] = {}, means[2] = {};
#pragma unroll
    for (int v = 0; v < V; ++v) {
      const int column = column_of<W>(v);
      if (!real || column >= columns) continue;
      const std::int64_t place = row * columns + column;
      float gamma[W];
      load<W>(n.gamma + column, gamma);
      load<W>(n.sum + place, h[v]);
      read_gradient<W>(n, place, g[v]);
#pragma unroll
      for (int i = 0; i < W; ++i) {
        h[v][i] = (h[v][i] - mean) * rstd;
        d_gamma[v][i] += g[v][i] * h[v][i];
        d_beta[v][i] += g[v][i];
        g[v][i] *= gamma[i];
        means[0] += g[v][i];
        means[1] += g[v][i] * h[v][i];
      }
    }
    row_sums(means);
    if (!real) continue;
    means[0] /= static_cast<float>(columns);
    means[1] /= static_cast<float>(columns);
#pragma unroll
    for (int v = 0; v < V; ++v) {
      const int column = column_of<W>(v);
      if (column >= columns) continue;
      const std::int64_t place = row * columns + column;
      float add[W] = {};
      if (n.d_sum != nullptr) load<W>(n.d_sum + place, add);
#pragma unroll
      for (int i = 0; i < W; ++i) add[i] += rstd * (g[v][i] - means[0] - h[v][i] * means[1]);
      if (n.d_base != nullptr) store<W>(n.d_base + place, add);
      if (n.d_branch == nullptr) continue;
      mask.apply<W>(place, add);
      store<W>(n.d_branch + place, add);
#pragma unroll
      for (int i = 0; i < W; ++i) d_bias[v][i] += add[i];
    }
  }
  leave_sums<W, V>(n, 0, d_gamma);
  leave_sums<W, V>(n, 1, d_beta);
  leave_sums<W, V>(n, 2, d_bias);
}

template <int W>
void launch(const ResidualNorm& what, const Shape& s, cudaStream_t stream) {
  const dim3 block(s.threads, s.lanes);
  if (s.turns == 1) normalise<W, 1><<<s.blocks, block, 0, stream>>>(what);
  if (s.turns == 2) normalise<W, 2><<<s.blocks, block, 0, stream>>>(what);
  if (s.turns == 4) normalise<W, 4><<<s.blocks, block, 0, stream>>>(what);
  if (s.turns == 8) normalise<W, 8><<<s.blocks, block, 0, stream>>>(what);
  check_launch("residual_norm");
}

template <int W>
void launch(const ResidualNormBackward& what, const Shape& s, cudaStream_t stream) {
  const dim3 block(s.threads, s.lanes);
  const std::size_t shared = sizeof(float) * s.threads * s.lanes * W;
  if (s.turns == 1) normalise_backward<W, 1><<<s.blocks, block, shared, stream>>>(what);
  if (s.turns == 2) normalise_backward<W, 2><<<s.blocks, block, shared, stream>>>(what);
  if (s.turns == 4) normalise_backward<W, 4><<<s.blocks, block, shared, stream>>>(what);
  if (s.turns == 8) normalise_backward<W, 8><<<s.blocks, block, shared, stream>>>(what);
  check_launch("residual_norm_backward");
}

}  // namespace

void residual_norm(const ResidualNorm& n, cudaStream_t stream) {
  if (n.rows == 0 || n.columns == 0) return;
  const std::int64_t c = n.columns;
  const bool vectors = in_vectors<4>(n.base, c) && in_vectors<4>(n.branch.values, c) &&
                       in_vectors<4>(n.branch.bias, c) && in_vectors<4>(n.gamma, c) &&
                       in_vectors<4>(n.beta, c) && in_vectors<4>(n.sum, c) && in_vectors<4>(n.normed, c) &&
                       in_vectors<4>(n.normed_bf16, c);
  Shape shape = shape_of(n.rows, c, vectors);
  // There are no sums to leave: as many blocks as there are rows for, so that the card always has some to
  // load.
  shape.blocks = static_cast<unsigned>((n.rows + shape.lanes - 1) / shape.lanes);
  vectors ? launch<4>(n, shape, stream) : launch<1>(n, shape, stream);
}

std::int64_t norm_parts(std::int64_t rows, std::int64_t columns) {
  return shape_of(rows, columns, true).blocks;
}

void residual_norm_backward(const ResidualNormBackward& n, cudaStream_t stream) {
  if (n.columns == 0) return;  // without rows the sums are zeros
  const std::int64_t c = n.columns;
  const bool vectors = in_vectors<4>(n.sum, c) && in_vectors<4>(n.gamma, c) && in_vectors<4>(n.d_sum, c) &&
                       in_vectors<4>(n.d_normed, c) && in_vectors<4>(n.d_normed_bf16, c) &&
                       in_vectors<4>(n.d_base, c) && in_vectors<4>(n.d_branch, c);
  Shape shape = shape_of(n.rows, c, vectors);
  shape.blocks = static_cast<unsigned>(norm_parts(n.rows, c));  // one part each, whatever the vectors
  vectors ? launch<4>(n, shape, stream) : launch<1>(n, shape, stream);
}

}  // namespace lockstep::kernels
