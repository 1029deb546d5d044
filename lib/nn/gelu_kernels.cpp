#include "nn/gelu_kernels.hpp"

#include <cstdint>

#include "nn/vector_math.hpp"

namespace lockstep::kernels {

namespace {

// 0.5 (1 + tanh(u)) is the logistic function of 2u, u = sqrt(2 / pi) (x + 0.044715 x^3).
constexpr float kLinear = 1.59576912F, kCubic = 0.0713548163F;  // 2u = kLinear x + kCubic x^3

}  // namespace

LOCKSTEP_CLONES void gelu(std::span<const float> x, std::span<float> out) {
  const auto count = static_cast<std::int64_t>(x.size());
  const float* in = x.data();
  float* y = out.data();
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i)
    y[i] = in[i] * logistic(in[i] * (kLinear + kCubic * in[i] * in[i]));
}

LOCKSTEP_CLONES void gelu_backward(std::span<const float> x, std::span<const float> gradient_out,
                                   std::span<float> gradient_in) {
  const auto count = static_cast<std::int64_t>(x.size());
  const float *in = x.data(), *dy = gradient_out.data();
  float* dx = gradient_in.data();
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    const float square = in[i] * in[i];
    const float s = logistic(in[i] * (kLinear + kCubic * square));
    dx[i] = dy[i] * (s + in[i] * s * (1.0F - s) * (kLinear + 3.0F * kCubic * square));
  }
}

}  // namespace lockstep::kernels
