#include "kernels/activation.hpp"
#include "kernels/columns.cuh"
#include "kernels/dropout_mask.cuh"
#include "kernels/vector.cuh"

namespace lockstep::kernels {
namespace {

constexpr float kSlope = 1.5957691216057308f;  // 2 sqrt(2 / pi)
constexpr float kCube = 0.044715f;

// 0.5 (1 + tanh(u)) is the logistic function of 2 u.
__device__ float share(float x) {
  const float twice = kSlope * (x + kCube * x * x * x);
  return 1.0f / (1.0f + __expf(-twice));
}

struct Gelu {
  const Bf16* x;
  Bf16* y;
  std::int64_t columns;

  template <int W>
  __device__ void at(std::int64_t row, std::int64_t column, float (&values)[W]) const {
    const std::int64_t place = row * columns + column;
    load<W>(x + place, values);
#pragma unroll
    for (int i = 0; i < W; ++i) values[i] *= share(values[i]);
    store<W>(y + place, values);
  }
};

struct GeluBackward {
  const Bf16 *x, *d_y;
  Bf16* d_x;
  std::int64_t columns;

  template <int W>
  __device__ void at(std::int64_t row, std::int64_t column, float (&values)[W]) const {
    const std::int64_t place = row * columns + column;
    float in[W];
    load<W>(x + place, in);
    load<W>(d_y + place, values);
#pragma unroll
    for (int i = 0; i < W; ++i) {
      const float s = share(in[i]), slope = kSlope * (1.0f + 3.0f * kCube * in[i] * in[i]);
      // s (1 - s) vanishes faster than the cube in x grows, but not in fp32 once the cube is infinite.
      const float bend = s * (1.0f - s);
      values[i] *= bend == 0.0f ? s : s + in[i] * bend * slope;
    }
    store<W>(d_x + place, values);
  }
};

struct ReluDropout {
  const Bf16* x;
  DropoutMask mask;
  Bf16* y;
  std::int64_t columns;

  template <int W>
  __device__ void at(std::int64_t row, std::int64_t column, float (&values)[W]) const {
    const std::int64_t place = row * columns + column;
    load<W>(x + place, values);
#pragma unroll
    for (int i = 0; i < W; ++i) values[i] = values[i] < 0.0f ? 0.0f : values[i];  // NaN stays NaN
    MaskReader(mask).apply<W>(place, values);
    store<W>(y + place, values);
  }
};

struct ReluDropoutBackward {
  const Bf16 *y, *d_y;
  float scale;
  Bf16* d_x;
  std::int64_t columns;

  template <int W>
  __device__ void at(std::int64_t row, std::int64_t column, float (&values)[W]) const {
    const std::int64_t place = row * columns + column;
    float out[W];
    load<W>(y + place, out);
    load<W>(d_y + place, values);
#pragma unroll
    for (int i = 0; i < W; ++i) values[i] = out[i] > 0.0f ? values[i] * scale : 0.0f;
    store<W>(d_x + place, values);
  }
};

}  // namespace

void gelu(const Bf16* x, Bf16* y, std::int64_t rows, std::int64_t columns, cudaStream_t stream) {
  const bool vectors = in_vectors<8>(x, columns) && in_vectors<8>(y, columns);
  pass_over_columns<8>(Gelu{x, y, columns}, vectors, rows, columns, nullptr, stream, "gelu");
}

void gelu_backward(const Bf16* x, const Bf16* d_y, Bf16* d_x, float* partial_sums, std::int64_t rows,
                   std::int64_t columns, cudaStream_t stream) {
  const bool vectors =
      in_vectors<8>(x, columns) && in_vectors<8>(d_y, columns) && in_vectors<8>(d_x, columns);
  pass_over_columns<8>(GeluBackward{x, d_y, d_x, columns}, vectors, rows, columns, partial_sums, stream,
                       "gelu_backward");
}

void relu_dropout(const Bf16* x, const DropoutMask& mask, Bf16* y, std::int64_t rows, std::int64_t columns,
                  cudaStream_t stream) {
  const bool vectors = in_vectors<8>(x, columns) && in_vectors<8>(y, columns);
  pass_over_columns<8>(ReluDropout{x, mask, y, columns}, vectors, rows, columns, nullptr, stream,
                       "relu_dropout");
}

void relu_dropout_backward(const Bf16* y, const Bf16* d_y, float scale, Bf16* d_x, float* partial_sums,
                           std::int64_t rows, std::int64_t columns, cudaStream_t stream) {
  const bool vectors =
      in_vectors<8>(y, columns) && in_vectors<8>(d_y, columns) && in_vectors<8>(d_x, columns);
  pass_over_columns<8>(ReluDropoutBackward{y, d_y, scale, d_x, columns}, vectors, rows, columns, partial_sums,
                       stream, "relu_dropout_backward");
}

}  // namespace lockstep::kernels
