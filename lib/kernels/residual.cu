#include "kernels/columns.cuh"
#include "kernels/dropout_mask.cuh"
#include "kernels/residual.hpp"
#include "kernels/vector.cuh"

namespace lockstep::kernels {
namespace {

struct Add {
  const float* base;
  Branch branch;
  float* sum;
  std::int64_t columns;

  template <int W>
  __device__ void at(std::int64_t row, std::int64_t column, float (&values)[W]) const {
    const std::int64_t place = row * columns + column;
    float add[W], bias[W];
    load<W>(branch.values + place, add);
    load<W>(base + place, values);
    if (branch.bias != nullptr) {
      load<W>(branch.bias + column, bias);
#pragma unroll
      for (int i = 0; i < W; ++i) add[i] += bias[i];
    }
    MaskReader(branch.mask).apply<W>(place, add);
#pragma unroll
    for (int i = 0; i < W; ++i) values[i] += add[i];
    store<W>(sum + place, values);
  }
};

template <typename T>
struct MaskedCopy {
  const float* from;
  DropoutMask mask;
  T* to;
  std::int64_t columns;

  template <int W>
  __device__ void at(std::int64_t row, std::int64_t column, float (&values)[W]) const {
    const std::int64_t place = row * columns + column;
    load<W>(from + place, values);
    MaskReader(mask).apply<W>(place, values);
    store<W>(to + place, values);
  }
};

struct LookUp {
  Lookup from;
  float* out;
  std::int64_t columns;

  template <int W>
  __device__ void at(std::int64_t row, std::int64_t column, float (&values)[W]) const {
    const std::int64_t token = from.tokens[row];
    if (token < 0 || token >= from.vocabulary) {
#pragma unroll
      for (int i = 0; i < W; ++i) values[i] = __int_as_float(0x7fc00000);
    } else {
      float position[W];
      load<W>(from.table + token * columns + column, values);
      load<W>(from.positions + row % from.length * columns + column, position);
#pragma unroll
      for (int i = 0; i < W; ++i) values[i] += position[i];
    }
    const std::int64_t place = row * columns + column;
    MaskReader(from.mask).apply<W>(place, values);
    store<W>(out + place, values);
  }
};

}  // namespace

void residual_add(const float* base, const Branch& branch, float* sum, std::int64_t rows,
                  std::int64_t columns, cudaStream_t stream) {
  const bool vectors = in_vectors<4>(base, columns) && in_vectors<4>(branch.values, columns) &&
                       in_vectors<4>(branch.bias, columns) && in_vectors<4>(sum, columns);
  pass_over_columns<4>(Add{base, branch, sum, columns}, vectors, rows, columns, nullptr, stream,
                       "residual_add");
}

void residual_add_backward(const float* d_sum, const DropoutMask& mask, Bf16* d_branch, float* partial_sums,
                           std::int64_t rows, std::int64_t columns, cudaStream_t stream) {
  const bool vectors = in_vectors<4>(d_sum, columns) && in_vectors<4>(d_branch, columns);
  pass_over_columns<4>(MaskedCopy<Bf16>{d_sum, mask, d_branch, columns}, vectors, rows, columns, partial_sums,
                       stream, "residual_add_backward");
}

void look_up(const Lookup& from, float* out, std::int64_t rows, std::int64_t columns, cudaStream_t stream) {
  const bool vectors = in_vectors<4>(from.table, columns) && in_vectors<4>(from.positions, columns) &&
                       in_vectors<4>(out, columns);
  pass_over_columns<4>(LookUp{from, out, columns}, vectors, rows, columns, nullptr, stream, "look_up");
}

void masked_copy(const float* d_out, const DropoutMask& mask, float* d_in, std::int64_t rows,
                 std::int64_t columns, cudaStream_t stream) {
  const bool vectors = in_vectors<4>(d_out, columns) && in_vectors<4>(d_in, columns);
  pass_over_columns<4>(MaskedCopy<float>{d_out, mask, d_in, columns}, vectors, rows, columns, nullptr, stream,
                       "masked_copy");
}

}  // namespace lockstep::kernels
