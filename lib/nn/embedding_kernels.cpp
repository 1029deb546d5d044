#include "nn/embedding_kernels.hpp"

#include <algorithm>

#include "nn/vector_math.hpp"

namespace lockstep::kernels {

namespace {

// A row a few tokens ahead: its place in the table is known, but not to the processor.
constexpr std::size_t kAhead = 4;

LOCKSTEP_INLINE void prefetch(std::span<const std::int64_t> ids, std::size_t i, const float* table,
                              std::int64_t width, std::int64_t stride) {
  if (i + kAhead >= ids.size()) return;
  const float* row = table + ids[i + kAhead] * stride;
  for (std::int64_t j = 0; j < width; j += 16) __builtin_prefetch(row + j);
}

}  // namespace

void gather_rows(std::span<const std::int64_t> ids, const float* weight, std::int64_t width, float* out) {
  for (std::size_t i = 0; i < ids.size(); ++i, out += width) {
    if (ids[i] == 0)
      std::fill(out, out + width, 0.0F);
    else
      std::copy(weight + ids[i] * width, weight + (ids[i] + 1) * width, out);
  }
}

LOCKSTEP_CLONES void mean_of_rows(std::span<const std::int64_t> ids, const float* weight, std::int64_t width,
                                  float* out) {
  std::fill(out, out + width, 0.0F);
  std::int64_t count = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    prefetch(ids, i, weight, width, width);
    if (ids[i] == 0) continue;
    ++count;
    const float* row = weight + ids[i] * width;
#pragma omp simd
    for (std::int64_t j = 0; j < width; ++j) out[j] += row[j];
  }
  if (count < 2) return;
  const float share = 1.0F / static_cast<float>(count);
#pragma omp simd
  for (std::int64_t j = 0; j < width; ++j) out[j] *= share;
}

LOCKSTEP_CLONES void add_to_rows(std::span<const std::int64_t> ids, const float* from,
                                 std::int64_t from_stride, float scale, std::int64_t width, float* to,
                                 std::int64_t stride) {
  for (std::size_t i = 0; i < ids.size(); ++i, from += from_stride) {
    prefetch(ids, i, to, width, stride);
    if (ids[i] == 0) continue;
    float* row = to + ids[i] * stride;
#pragma omp simd
    for (std::int64_t j = 0; j < width; ++j) row[j] += scale * from[j];
  }
}

LOCKSTEP_CLONES void add_scaled(std::span<const float> from, float scale, float* to) {
  const auto count = static_cast<std::int64_t>(from.size());
  const float* x = from.data();
#pragma omp simd
  for (std::int64_t j = 0; j < count; ++j) to[j] += scale * x[j];
}

}  // namespace lockstep::kernels
