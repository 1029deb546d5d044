// What the files of vectorised loops share: functions that can be inlined into one. For those files alone.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "base/vector_clones.hpp"

#define LOCKSTEP_INLINE inline __attribute__((always_inline))

namespace lockstep::kernels {

// e^x for x <= 0 within 2e-7: x = n ln 2 + r, |r| <= ln 2 / 2; Taylor's polynomial of degree 7 leaves 1e-8.
LOCKSTEP_INLINE float exponential(float x) {
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: adding it rounds to a whole number, in the low bits
  const float shifted = x * 1.44269504F + kRound;
  const float n = shifted - kRound;
  const float r = (x - n * 0.693145752F) - n * 1.42860677e-6F;
  float p = 1.98412698e-4F;
  p = p * r + 1.38888889e-3F;
  p = p * r + 8.33333333e-3F;
  p = p * r + 4.16666667e-2F;
  p = p * r + 0.166666667F;
  p = p * r + 0.5F;
  p = p * r + 1.0F;
  p = p * r + 1.0F;
  const std::uint32_t power = (std::bit_cast<std::uint32_t>(shifted) + 127U) << 23;
  const float value = p * std::bit_cast<float>(power);
  return x < -87.0F ? 0.0F : value;
}

// 1 / (1 + e^-x).
LOCKSTEP_INLINE float logistic(float x) {
  const float e = exponential(-std::fabs(x));
  return (x >= 0.0F ? 1.0F : e) / (1.0F + e);
}

// tanh(x).
LOCKSTEP_INLINE float hyperbolic_tangent(float x) {
  // (1 - e) / (1 + e) with e = exp(-2 |x|) loses digits near 0, where Taylor's polynomial is exact enough.
  const float e = exponential(-2.0F * std::fabs(x)), square = x * x;
  const float far = std::copysign((1.0F - e) / (1.0F + e), x);
  const float near = x * (1.0F + square * (-0.333333333F + square * (0.133333333F - square * 0.053968254F)));
  return square < 0.01F ? near : far;
}

}  // namespace lockstep::kernels
