#include "nn/lstm_kernels.hpp"

#include "nn/vector_math.hpp"

namespace lockstep::kernels {

LOCKSTEP_CLONES void lstm_cell(std::span<const float> input, std::span<const float> recurrent,
                               std::span<const float> c_before, std::span<float> gates, std::span<float> c,
                               std::span<float> h) {
  const auto units = static_cast<std::int64_t>(c.size());
  const float *x = input.data(), *r = recurrent.data(), *before = c_before.data();
  float *y = gates.data(), *state = c.data(), *out = h.data();
#pragma omp simd
  for (std::int64_t j = 0; j < units; ++j) {
    const float i = logistic(x[j] + r[j]);
    const float f = logistic(x[j + units] + r[j + units]);
    const float g = hyperbolic_tangent(x[j + 2 * units] + r[j + 2 * units]);
    const float o = logistic(x[j + 3 * units] + r[j + 3 * units]);
    const float cell = f * before[j] + i * g;
    y[j] = i;
    y[j + units] = f;
    y[j + 2 * units] = g;
    y[j + 3 * units] = o;
    state[j] = cell;
    out[j] = o * hyperbolic_tangent(cell);
  }
}

LOCKSTEP_CLONES void lstm_cell_backward(std::span<const float> gates, std::span<const float> c,
                                        std::span<const float> c_before, std::span<const float> dh_step,
                                        std::span<const float> dh_later, std::span<float> dc,
                                        std::span<float> dgates) {
  const auto units = static_cast<std::int64_t>(c.size());
  const float *y = gates.data(), *state = c.data(), *before = c_before.data();
  const float *now = dh_step.data(), *later = dh_later.data();
  float *d_state = dc.data(), *d = dgates.data();
#pragma omp simd
  for (std::int64_t j = 0; j < units; ++j) {
    const float i = y[j], f = y[j + units], g = y[j + 2 * units], o = y[j + 3 * units];
    const float bent = hyperbolic_tangent(state[j]), dh = now[j] + later[j];
    const float cell = d_state[j] + dh * o * (1.0F - bent * bent);
    d[j] = cell * g * i * (1.0F - i);
    d[j + units] = cell * before[j] * f * (1.0F - f);
    d[j + 2 * units] = cell * i * (1.0F - g * g);
    d[j + 3 * units] = dh * bent * o * (1.0F - o);
    d_state[j] = cell * f;
  }
}

}  // namespace lockstep::kernels
