#include "comm/slice_reduction.hpp"

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/error.hpp"
#include "base/vector_clones.hpp"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace lockstep {
namespace {

// Elements that are combined at a time: the sum and what is made of it stay in the first cache.
constexpr std::int64_t kBlock = 2048;

struct Half {
  std::uint16_t bits;
};
struct Bfloat {
  std::uint16_t bits;
};

inline float widened(Half x) { return c10::detail::fp16_ieee_to_fp32_value(x.bits); }
inline float widened(Bfloat x) { return std::bit_cast<float>(std::uint32_t{x.bits} << 16); }
template <typename T>
inline T widened(T x) {
  return x;
}

inline void narrow(float x, Half& to) { to.bits = c10::detail::fp16_ieee_from_fp32_value(x); }
inline void narrow(float x, Bfloat& to) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t rounded = (bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16;
  to.bits = static_cast<std::uint16_t>(x != x ? 0x7fc0U : rounded);
}
template <typename T>
inline void narrow(T x, T& to) {
  to = x;
}

template <typename T>
using Wide = decltype(widened(T{}));

// NaN wins, as in LibTorch.
template <ReduceOp op, typename A>
inline A combined(A a, A b) {
  if constexpr (op == ReduceOp::sum)
    return static_cast<A>(a + b);
  else if constexpr (op == ReduceOp::max)
    return a > b || a != a ? a : b;
  else
    return a < b || a != a ? a : b;
}

template <ReduceOp op, typename T>
inline void combine(std::span<const std::byte* const> sources, std::int64_t begin, std::int64_t count,
                    Wide<T>* sum) {
  const auto from = [&](std::size_t source) { return reinterpret_cast<const T*>(sources[source]) + begin; };
  const T* const first = from(0);
  if (sources.size() == 1) {
    for (std::int64_t i = 0; i < count; ++i) sum[i] = widened(first[i]);
    return;
  }
  const T* const second = from(1);
  for (std::int64_t i = 0; i < count; ++i) sum[i] = combined<op>(widened(first[i]), widened(second[i]));
  for (std::size_t s = 2; s < sources.size(); ++s) {
    const T* const next = from(s);
    for (std::int64_t i = 0; i < count; ++i) sum[i] = combined<op>(sum[i], widened(next[i]));
  }
}

template <typename T>
inline void combine_block(const SliceReduction& r, std::span<const std::byte* const> sources,
                          std::int64_t begin, std::int64_t count, T* result) {
  alignas(64) Wide<T> sum[kBlock];
  if (r.op == ReduceOp::max)
    combine<ReduceOp::max, T>(sources, begin, count, sum);
  else if (r.op == ReduceOp::min)
    combine<ReduceOp::min, T>(sources, begin, count, sum);
  else
    combine<ReduceOp::sum, T>(sources, begin, count, sum);
  if constexpr (std::is_floating_point_v<Wide<T>>) {
    const auto scale = static_cast<Wide<T>>(r.scale);
    if (r.scale != 1)
      for (std::int64_t i = 0; i < count; ++i) sum[i] *= scale;
  }
  for (std::int64_t i = 0; i < count; ++i) narrow(sum[i], result[i]);
}

// One function a type, compiled for several instruction sets.
using Sources = std::span<const std::byte* const>;
LOCKSTEP_CLONES void block(const SliceReduction& r, Sources s, std::int64_t b, std::int64_t n, float* out) {
  combine_block(r, s, b, n, out);
}
LOCKSTEP_CLONES void block(const SliceReduction& r, Sources s, std::int64_t b, std::int64_t n, double* out) {
  combine_block(r, s, b, n, out);
}
LOCKSTEP_CLONES void block(const SliceReduction& r, Sources s, std::int64_t b, std::int64_t n, Half* out) {
  combine_block(r, s, b, n, out);
}
LOCKSTEP_CLONES void block(const SliceReduction& r, Sources s, std::int64_t b, std::int64_t n, Bfloat* out) {
  combine_block(r, s, b, n, out);
}
LOCKSTEP_CLONES void block(const SliceReduction& r, Sources s, std::int64_t b, std::int64_t n,
                           std::int32_t* out) {
  combine_block(r, s, b, n, out);
}
LOCKSTEP_CLONES void block(const SliceReduction& r, Sources s, std::int64_t b, std::int64_t n,
                           std::int64_t* out) {
  combine_block(r, s, b, n, out);
}
LOCKSTEP_CLONES void block(const SliceReduction& r, Sources s, std::int64_t b, std::int64_t n,
                           std::uint8_t* out) {
  combine_block(r, s, b, n, out);
}

void store(std::byte* to, const std::byte* from, std::size_t bytes, [[maybe_unused]] bool past_caches) {
#ifdef __SSE2__
  if (past_caches && reinterpret_cast<std::uintptr_t>(to) % sizeof(__m128i) == 0) {
    const std::size_t whole = bytes / sizeof(__m128i) * sizeof(__m128i);
    for (std::size_t i = 0; i < whole; i += sizeof(__m128i))
      _mm_stream_si128(reinterpret_cast<__m128i*>(to + i),
                       _mm_load_si128(reinterpret_cast<const __m128i*>(from + i)));
    std::memcpy(to + whole, from + whole, bytes - whole);
    return;
  }
#endif
  std::memcpy(to, from, bytes);
}

// Stores past the caches are ordered by nothing else.
void fence([[maybe_unused]] bool past_caches) {
#ifdef __SSE2__
  if (past_caches) _mm_sfence();
#endif
}

template <typename T>
void reduce(const SliceReduction& r, Sources sources, std::span<std::byte* const> destinations,
            std::int64_t first, std::int64_t end) {
  alignas(64) T result[kBlock];
  for (std::int64_t begin = first; begin < end; begin += kBlock) {
    const std::int64_t count = std::min(kBlock, end - begin);
    block(r, sources, begin, count, result);
    for (std::byte* const to : destinations)
      store(to + static_cast<std::size_t>(begin) * sizeof(T), reinterpret_cast<const std::byte*>(result),
            static_cast<std::size_t>(count) * sizeof(T), r.past_caches);
  }
  fence(r.past_caches);
}

}  // namespace

void reduce_slices(const SliceReduction& r, std::span<const std::byte* const> sources,
                   std::span<std::byte* const> destinations, std::int64_t begin, std::int64_t end) {
  switch (r.dtype) {
    case at::kFloat:
      return reduce<float>(r, sources, destinations, begin, end);
    case at::kDouble:
      return reduce<double>(r, sources, destinations, begin, end);
    case at::kHalf:
      return reduce<Half>(r, sources, destinations, begin, end);
    case at::kBFloat16:
      return reduce<Bfloat>(r, sources, destinations, begin, end);
    case at::kInt:
      return reduce<std::int32_t>(r, sources, destinations, begin, end);
    case at::kLong:
      return reduce<std::int64_t>(r, sources, destinations, begin, end);
    case at::kByte:
      return reduce<std::uint8_t>(r, sources, destinations, begin, end);
    default:
      throw run_error("dtype {} cannot be reduced in shared memory", c10::toString(r.dtype));
  }
}

std::int64_t cache_bytes() {
  const long level3 = sysconf(_SC_LEVEL3_CACHE_SIZE);
  return level3 > 0 ? level3 : std::int64_t{32} << 20;
}

}  // namespace lockstep
