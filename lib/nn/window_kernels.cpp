#include "nn/window_kernels.hpp"

#include <algorithm>
#include <limits>

#include "nn/vector_math.hpp"

namespace lockstep::kernels {

namespace {

constexpr std::int64_t kBlock = 64;  // filters at a time: their sums stay in registers or the nearest cache

struct Windows {
  const float* products;
  std::int64_t length, kernel, filters;
};

// Filters [first, first + count), count <= kBlock.
LOCKSTEP_INLINE void largest_of_block(const Windows& w, std::int64_t first, std::int64_t count, float* best,
                                      std::int32_t* at) {
  const std::int64_t word = w.kernel * w.filters;
  float sum[kBlock];
  for (std::int64_t t = 0; t < w.length; ++t) {
    const float* row = w.products + t * word + first;
    const std::int64_t places = std::min(w.kernel, w.length - t);
#pragma omp simd
    for (std::int64_t f = 0; f < count; ++f) sum[f] = row[f];
    for (std::int64_t j = 1; j < places; ++j) {
      const float* next = row + j * (word + w.filters);
#pragma omp simd
      for (std::int64_t f = 0; f < count; ++f) sum[f] += next[f];
    }
#pragma omp simd
    for (std::int64_t f = 0; f < count; ++f) {
      const bool larger = sum[f] > best[f];
      best[f] = larger ? sum[f] : best[f];
      at[f] = larger ? static_cast<std::int32_t>(t) : at[f];
    }
  }
}

}  // namespace

LOCKSTEP_CLONES void largest_windows(std::span<const float> products, std::int64_t length,
                                     std::int64_t kernel, std::int64_t filters, float* best,
                                     std::int32_t* at) {
  std::fill(best, best + filters, -std::numeric_limits<float>::infinity());
  std::fill(at, at + filters, 0);
  const Windows windows{products.data(), length, kernel, filters};
  for (std::int64_t f = 0; f < filters; f += kBlock)
    largest_of_block(windows, f, std::min(kBlock, filters - f), best + f, at + f);
}

}  // namespace lockstep::kernels
