#include "nn/embedding_kernels.hpp"

#include <algorithm>
#include <numeric>

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

LOCKSTEP_CLONES void add_to_rows(std::span<const std::int64_t> ids, const float* from, std::int64_t width,
                                 float* to, std::int64_t stride) {
  for (std::size_t i = 0; i < ids.size(); ++i, from += stride) {
    prefetch(ids, i, to, width, stride);
    if (ids[i] == 0) continue;
    float* row = to + ids[i] * stride;
#pragma omp simd
    for (std::int64_t j = 0; j < width; ++j) row[j] += from[j];
  }
}

void find_occurrences(std::span<const std::int64_t> ids, std::int64_t length, std::span<std::int32_t> begins,
                      std::span<std::int32_t> documents) {
  std::fill(begins.begin(), begins.end(), 0);
  for (const std::int64_t id : ids) ++begins[static_cast<std::size_t>(id)];
  std::exclusive_scan(begins.begin(), begins.end(), begins.begin(), 0);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    std::int32_t& next = begins[static_cast<std::size_t>(ids[i])];
    documents[static_cast<std::size_t>(next++)] =
        static_cast<std::int32_t>(static_cast<std::int64_t>(i) / length);
  }
  // Each begin has moved to its end, which is where the next one began.
  std::shift_right(begins.begin(), begins.end(), 1);
  begins.front() = 0;
}

LOCKSTEP_CLONES void add_by_id(const Occurrences& occurrences, const float* from, const float* shares,
                               std::int64_t width, float* to, std::int64_t stride) {
  const std::size_t vocabulary = occurrences.begins.size() - 1;
  for (std::size_t id = 1; id < vocabulary; ++id, to += stride) {
    const auto begin = static_cast<std::size_t>(occurrences.begins[id]),
               end = static_cast<std::size_t>(occurrences.begins[id + 1]);
    float* const row = to + stride;
    for (const std::int32_t document : occurrences.documents.subspan(begin, end - begin)) {
      const float* const x = from + document * stride;
      const float share = shares[document];
#pragma omp simd
      for (std::int64_t j = 0; j < width; ++j) row[j] += share * x[j];
    }
  }
}

LOCKSTEP_CLONES void add_scaled(std::span<const float> from, float scale, float* to) {
  const auto count = static_cast<std::int64_t>(from.size());
  const float* x = from.data();
#pragma omp simd
  for (std::int64_t j = 0; j < count; ++j) to[j] += scale * x[j];
}

}  // namespace lockstep::kernels
