#include "nn/gru_kernels.hpp"

#include "nn/vector_math.hpp"

namespace lockstep::kernels {

LOCKSTEP_CLONES void gru_cell(std::span<const float> input, std::span<const float> recurrent,
                              std::span<const float> bias, std::span<const float> h_before,
                              std::span<float> gates, std::span<float> h) {
  const auto units = static_cast<std::int64_t>(h.size());
  const float *x = input.data(), *u = recurrent.data(), *b = bias.data(), *before = h_before.data();
  float *y = gates.data(), *out = h.data();
#pragma omp simd
  for (std::int64_t j = 0; j < units; ++j) {
    const float r = logistic(x[j] + (u[j] + b[j]));
    const float z = logistic(x[j + units] + (u[j + units] + b[j + units]));
    const float q = u[j + 2 * units] + b[j + 2 * units];
    const float n = hyperbolic_tangent(x[j + 2 * units] + r * q);
    y[j] = r;
    y[j + units] = z;
    y[j + 2 * units] = n;
    y[j + 3 * units] = q;
    out[j] = n + z * (before[j] - n);
  }
}

LOCKSTEP_CLONES void gru_cell_backward(std::span<const float> gates, std::span<const float> h_before,
                                       std::span<const float> dh_step, std::span<float> dh,
                                       std::span<float> dinput, std::span<float> drecurrent) {
  const auto units = static_cast<std::int64_t>(dh.size());
  const float *y = gates.data(), *before = h_before.data(), *now = dh_step.data();
  float *later = dh.data(), *dx = dinput.data(), *du = drecurrent.data();
#pragma omp simd
  for (std::int64_t j = 0; j < units; ++j) {
    const float r = y[j], z = y[j + units], n = y[j + 2 * units], q = y[j + 3 * units];
    const float d = now[j] + later[j];
    const float dn = d * (1.0F - z) * (1.0F - n * n);
    const float dr = dn * q * r * (1.0F - r);
    const float dz = d * (before[j] - n) * z * (1.0F - z);
    dx[j] = dr;
    dx[j + units] = dz;
    dx[j + 2 * units] = dn;
    du[j] = dr;
    du[j + units] = dz;
    du[j + 2 * units] = dn * r;
    later[j] = d * z;
  }
}

}  // namespace lockstep::kernels
