#include <algorithm>

#include "kernels/cross_entropy.hpp"
#include "kernels/grid.cuh"
#include "kernels/launch.hpp"
#include "kernels/stamp.cuh"
#include "kernels/vector.cuh"

namespace lockstep::kernels {
namespace {

// A block has one row, by as many threads as it has work for. Two blocks of the most that there are fill an
// SM, and few rows are under way at a time: the second pass over a row finds it in the cache.
constexpr int kMostThreads = 1024;
constexpr std::int64_t kScaleBlocks = 264;  // most find that there is nothing to do

constexpr float kNone = -3.402823466e+38f;  // below any logit but -inf, and exp(kNone - kNone) is 1

// The largest of some values, and the sum of exp(value - largest).
struct Softmax {
  float largest = kNone, sum = 0;

  template <int W>
  __device__ void add(const float (&values)[W]) {
    float most = largest;
#pragma unroll
    for (int i = 0; i < W; ++i) most = fmaxf(most, values[i]);
    float more = 0;
#pragma unroll
    for (int i = 0; i < W; ++i) more += __expf(values[i] - most);
    sum = sum * __expf(largest - most) + more;
    largest = most;
  }

  __device__ void merge(float other, float other_sum) {
    const float most = fmaxf(largest, other);
    sum = sum * __expf(largest - most) + other_sum * __expf(other - most);
    largest = most;
  }

  __device__ void merge_warp() {
    for (int offset = 16; offset > 0; offset /= 2) {
      const float other = __shfl_xor_sync(0xffffffffu, largest, offset);
      const float other_sum = __shfl_xor_sync(0xffffffffu, sum, offset);
      merge(other, other_sum);
    }
  }

  __device__ float log_sum() const { return largest + logf(sum); }
};

// The log of the sum of exponentials of the block's row, in every thread.
__device__ float block_log_sum(Softmax mine) {
  __shared__ float largest[32], sums[32];
  mine.merge_warp();
  const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  if (lane == 0) largest[warp] = mine.largest, sums[warp] = mine.sum;
  __syncthreads();
  Softmax all;
  if (lane < blockDim.x / 32) all.largest = largest[lane], all.sum = sums[lane];
  all.merge_warp();
  return all.log_sum();
}

// use(first column, values) for what this thread has of a row: W at a time, and the rest by single columns.
template <int W, typename T, typename Use>
__device__ void for_row(T* row, std::int64_t columns, const Use& use) {
  const std::int64_t whole = columns / W * W;
  for (std::int64_t c = threadIdx.x * W; c < whole; c += blockDim.x * W) {
    float values[W];
    load<W>(row + c, values);
    use(c, values);
  }
  if constexpr (W > 1) {
    for (std::int64_t c = whole + threadIdx.x; c < columns; c += blockDim.x) {
      float value[1];
      load<1>(row + c, value);
      use(c, value);
    }
  }
}

template <int W, typename T>
__device__ void clear_row(T* row, std::int64_t columns) {
  for_row<W>(row, columns, [&](std::int64_t c, auto& values) {
    for (float& value : values) value = 0;
    store(row + c, values);
  });
}

template <int W, typename T>
__global__ void __launch_bounds__(kMostThreads, 2)
    softmax_loss(T* logits, LogitRows shape, RowTargets what, bool in_place) {
  const std::int64_t r = blockIdx.x, target = what.targets[r];
  T* const row = logits + r * shape.pitch;
  if (r >= what.real_rows || target == what.ignored) {
    if (in_place) clear_row<W>(row, shape.columns);
    if (threadIdx.x == 0) what.losses[r] = 0;
    return;
  }
  const bool known = target >= 0 && target < shape.columns;
  float chosen[1] = {__int_as_float(0x7fc00000)};  // NaN
  if (known) load<1>(row + target, chosen);        // before it is overwritten
  Softmax mine;
  for_row<W>(row, shape.columns, [&](std::int64_t, auto& values) { mine.add(values); });
  const float log_sum = known ? block_log_sum(mine) : chosen[0];
  if (threadIdx.x == 0) what.losses[r] = (log_sum - chosen[0]) * what.scale;
  if (!in_place) return;
  for_row<W>(row, shape.columns, [&](std::int64_t c, auto& values) {
    int i = 0;
    for (float& value : values) {
      value = (__expf(value - log_sum) - (c + i == target ? 1.0f : 0.0f)) * what.scale;
      ++i;
    }
    store(row + c, values);
  });
}

__global__ void __launch_bounds__(kMostThreads)
    sum_losses(const float* losses, std::int64_t rows, float* total, DeviceMark mark) {
  __shared__ float warp_sums[32];
  float sum = 0;
#pragma unroll 4
  for (std::int64_t r = threadIdx.x; r < rows; r += blockDim.x) sum += losses[r];
  sum = block_sum(sum, warp_sums);
  if (threadIdx.x != 0) return;
  *total = sum;
  write_mark(mark);
}

template <int W, typename T>
__global__ void __launch_bounds__(kMostThreads) scale_all(T* values, LogitRows shape, const float* factor) {
  const float by = *factor;
  if (by == 1.0f) return;
  for (std::int64_t r = blockIdx.x; r < shape.rows; r += gridDim.x) {
    T* const row = values + r * shape.pitch;
    for_row<W>(row, shape.columns, [&](std::int64_t c, auto& part) {
      for (float& value : part) value *= by;
      store(row + c, part);
    });
  }
}

template <typename T>
constexpr int kVector = 16 / sizeof(T);

unsigned threads_for(std::int64_t columns, int vector) {
  const std::int64_t warps = (columns / vector + 31) / 32;
  return 32 * static_cast<unsigned>(std::clamp<std::int64_t>(warps, 1, kMostThreads / 32));
}

template <typename T>
void launch_loss(T* logits, const LogitRows& shape, const RowTargets& what, bool in_place,
                 cudaStream_t stream) {
  if (shape.rows == 0 || shape.columns == 0) return;
  const auto blocks = static_cast<unsigned>(shape.rows);
  if (in_vectors<kVector<T>>(logits, shape.pitch))
    softmax_loss<kVector<T>>
        <<<blocks, threads_for(shape.columns, kVector<T>), 0, stream>>>(logits, shape, what, in_place);
  else
    softmax_loss<1><<<blocks, threads_for(shape.columns, 1), 0, stream>>>(logits, shape, what, in_place);
  check_launch("cross_entropy");
}

template <typename T>
void launch_scale(T* values, const LogitRows& shape, const float* factor, cudaStream_t stream) {
  if (shape.rows == 0 || shape.columns == 0) return;
  const auto blocks = static_cast<unsigned>(std::min(shape.rows, kScaleBlocks));
  if (in_vectors<kVector<T>>(values, shape.pitch))
    scale_all<kVector<T>>
        <<<blocks, threads_for(shape.columns, kVector<T>), 0, stream>>>(values, shape, factor);
  else
    scale_all<1><<<blocks, threads_for(shape.columns, 1), 0, stream>>>(values, shape, factor);
  check_launch("scale_rows");
}

}  // namespace

void cross_entropy(Bf16* logits, const LogitRows& shape, const RowTargets& what, bool in_place,
                   cudaStream_t stream) {
  launch_loss(logits, shape, what, in_place, stream);
}

void cross_entropy(float* logits, const LogitRows& shape, const RowTargets& what, bool in_place,
                   cudaStream_t stream) {
  launch_loss(logits, shape, what, in_place, stream);
}

void add_losses(const float* losses, std::int64_t rows, float* total, const DeviceMark& mark,
                cudaStream_t stream) {
  sum_losses<<<1, threads_for(rows, 1), 0, stream>>>(losses, rows, total, mark);
  check_launch("add_losses");
}

void scale_rows(Bf16* values, const LogitRows& shape, const float* factor, cudaStream_t stream) {
  launch_scale(values, shape, factor, stream);
}

void scale_rows(float* values, const LogitRows& shape, const float* factor, cudaStream_t stream) {
  launch_scale(values, shape, factor, stream);
}

}  // namespace lockstep::kernels
