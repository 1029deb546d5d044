#include "nn/dropout_kernels.hpp"

#include <algorithm>
#include <cmath>

#include "base/philox.hpp"
#include "nn/vector_math.hpp"

namespace lockstep::kernels {

namespace {

constexpr int kLanes = 16;

// Sixteen Philox blocks side by side: bits[word][lane].
struct Bits {
  alignas(64) std::uint32_t word[4][kLanes];
};

LOCKSTEP_INLINE void random_bits(const MaskKey& key, std::uint32_t group, Bits& bits) {
  alignas(64) std::uint32_t c0[kLanes], c1[kLanes], c2[kLanes], c3[kLanes];
  for (int l = 0; l < kLanes; ++l) {
    c0[l] = group * kLanes + static_cast<std::uint32_t>(l);
    c1[l] = key.sample;
    c2[l] = key.step;
    c3[l] = key.site;
  }
  std::uint32_t k0 = key.seed_low, k1 = key.seed_high;
  for (int round = 0; round < 10; ++round) {
#pragma omp simd
    for (int l = 0; l < kLanes; ++l) {
      const std::uint64_t a = std::uint64_t{kPhiloxM0} * c0[l], b = std::uint64_t{kPhiloxM1} * c2[l];
      const std::uint32_t n0 = static_cast<std::uint32_t>(b >> 32) ^ c1[l] ^ k0;
      const std::uint32_t n2 = static_cast<std::uint32_t>(a >> 32) ^ c3[l] ^ k1;
      c0[l] = n0;
      c1[l] = static_cast<std::uint32_t>(b);
      c2[l] = n2;
      c3[l] = static_cast<std::uint32_t>(a);
    }
    k0 += kPhiloxW0;
    k1 += kPhiloxW1;
  }
#pragma omp simd
  for (int l = 0; l < kLanes; ++l) {
    bits.word[0][l] = c0[l];
    bits.word[1][l] = c1[l];
    bits.word[2][l] = c2[l];
    bits.word[3][l] = c3[l];
  }
}

// Calls element(i, kept) for a whole group of 128.
template <typename Element>
LOCKSTEP_INLINE void for_group(const MaskKey& key, std::uint32_t group, Element element) {
  Bits bits;
  random_bits(key, group, bits);
  const std::uint32_t threshold = key.threshold;
  for (int w = 0; w < 4; ++w) {
    const std::uint32_t* word = bits.word[w];
#pragma omp simd
    for (int l = 0; l < kLanes; ++l) element(w * 2 * kLanes + l, (word[l] & 0xFFFFU) >= threshold);
#pragma omp simd
    for (int l = 0; l < kLanes; ++l) element(w * 2 * kLanes + kLanes + l, (word[l] >> 16) >= threshold);
  }
}

// map(in, base, kept) for each element; the last, short group goes through copies.
template <typename Map>
LOCKSTEP_INLINE void map_masked(const MaskKey& key, std::int64_t first, std::int64_t count, const float* in,
                                const float* base, float* out, Map map) {
  auto group = static_cast<std::uint32_t>(first / kMaskGroup);
  std::int64_t at = 0;
  for (; at + kMaskGroup <= count; at += kMaskGroup, ++group) {
    const float *x = in + at, *y = base + at;
    float* z = out + at;
    for_group(
        key, group, [=](int i, bool kept) __attribute__((always_inline)) { z[i] = map(x[i], y[i], kept); });
  }
  if (at == count) return;
  alignas(64) float x[kMaskGroup] = {}, y[kMaskGroup] = {}, z[kMaskGroup];
  std::copy(in + at, in + count, x);
  std::copy(base + at, base + count, y);
  for_group(
      key, group, [&](int i, bool kept) __attribute__((always_inline)) { z[i] = map(x[i], y[i], kept); });
  std::copy(z, z + (count - at), out + at);
}

std::int64_t length(std::span<const float> values) { return static_cast<std::int64_t>(values.size()); }

}  // namespace

LOCKSTEP_CLONES void apply_mask(const MaskKey& key, std::int64_t first, std::span<const float> in,
                                std::span<float> out) {
  const float scale = key.scale();
  map_masked(
      key, first, length(in), in.data(), in.data(),
      out.data(), [=](float x, float, bool kept) __attribute__((always_inline)) {
        return kept ? x * scale : 0.0F;
      });
}

LOCKSTEP_CLONES void add_masked(const MaskKey& key, std::span<const float> in, std::span<const float> base,
                                std::span<float> out) {
  const float scale = key.scale();
  map_masked(
      key, 0, length(in), in.data(), base.data(),
      out.data(), [=](float x, float y, bool kept) __attribute__((always_inline)) {
        return y + (kept ? x * scale : 0.0F);
      });
}

LOCKSTEP_CLONES void relu_mask(const MaskKey& key, std::span<const float> in, std::span<float> out) {
  const float scale = key.scale();
  map_masked(
      key, 0, length(in), in.data(), in.data(),
      out.data(), [=](float x, float, bool kept) __attribute__((always_inline)) {
        const float positive = x > 0.0F ? x * scale : 0.0F;
        return kept ? positive : 0.0F;
      });
}

LOCKSTEP_CLONES void relu_mask_backward(float scale, std::span<const float> out,
                                        std::span<const float> gradient_out, std::span<float> gradient_in) {
  const std::int64_t count = length(out);
  const float *y = out.data(), *g = gradient_out.data();
  float* x = gradient_in.data();
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) x[i] = y[i] > 0.0F ? g[i] * scale : 0.0F;
}

LOCKSTEP_CLONES void softmax_rows(std::span<float> scores, std::span<const float> bias, float scale) {
  const std::int64_t columns = length(bias);
  const float* b = bias.data();
  for (float* row = scores.data(); row != scores.data() + scores.size(); row += columns) {
    float largest = -INFINITY, sum = 0;
#pragma omp simd reduction(max : largest)
    for (std::int64_t j = 0; j < columns; ++j) {
      row[j] = row[j] * scale + b[j];
      largest = row[j] > largest ? row[j] : largest;
    }
#pragma omp simd reduction(+ : sum)
    for (std::int64_t j = 0; j < columns; ++j) {
      row[j] = exponential(row[j] - largest);
      sum += row[j];
    }
    const float inverse = 1.0F / sum;
#pragma omp simd
    for (std::int64_t j = 0; j < columns; ++j) row[j] *= inverse;
  }
}

LOCKSTEP_CLONES void mask_probabilities(const MaskKey& key, std::int64_t first,
                                        std::span<float> probabilities, std::span<float> dropped) {
  map_masked(
      key, first, length(probabilities), probabilities.data(), probabilities.data(), probabilities.data(),
      [](float x, float, bool kept) __attribute__((always_inline)) { return kept ? x : -x; });
  const float scale = key.scale();
  const std::int64_t count = length(probabilities);
  const float* p = probabilities.data();
  float* d = dropped.data();
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) d[i] = p[i] > 0.0F ? p[i] * scale : 0.0F;
}

LOCKSTEP_CLONES void softmax_rows_backward(std::span<const float> signed_probabilities, std::int64_t columns,
                                           float mask_scale, float scale, std::span<float> gradient,
                                           std::span<float> dropped) {
  for (std::int64_t begin = 0; begin < length(signed_probabilities); begin += columns) {
    const float* p = signed_probabilities.data() + begin;
    float *g = gradient.data() + begin, *d = dropped.data() + begin;
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t j = 0; j < columns; ++j) {
      d[j] = p[j] > 0.0F ? p[j] * mask_scale : 0.0F;
      sum += d[j] * g[j];
    }
#pragma omp simd
    for (std::int64_t j = 0; j < columns; ++j) g[j] = (d[j] * g[j] - std::fabs(p[j]) * sum) * scale;
  }
}

}  // namespace lockstep::kernels
