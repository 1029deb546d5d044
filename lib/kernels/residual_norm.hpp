// Layer normalisation of a residual stream in fp32, fused with the addition before it: sum = base +
// dropout(branch + bias); normed = (sum - mean) / sqrt(variance + eps) gamma + beta. All tensors are (rows,
// columns) but where a shape is given; contiguous, in device memory of the stream's device. Nothing blocks
// the host.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "kernels/residual.hpp"

namespace lockstep::kernels {

// Columns that a row may have.
inline constexpr std::int64_t kMostNormColumns = 8192;

struct ResidualNorm {
  std::int64_t rows, columns;
  const float* base;
  Branch branch;  // without values, sum is base
  const float *gamma, *beta;
  float eps;
  float* sum;          // null: not wanted
  float* normed;       // null: not wanted
  Bf16* normed_bf16;   // null: not wanted
  float *mean, *rstd;  // (rows) each: rstd is 1 / sqrt(variance + eps)
};
void residual_norm(const ResidualNorm& what, cudaStream_t stream);

struct ResidualNormBackward {
  std::int64_t rows, columns;
  const float *sum, *mean, *rstd, *gamma;  // of the forward pass
  DropoutMask mask;
  // Gradients that came; null: none.
  const float* d_sum;
  const float* d_normed;
  const Bf16* d_normed_bf16;
  float* d_base;
  Bf16* d_branch;  // null: not wanted
  // (norm_parts(rows, columns), 3, columns): for column_totals, of gamma, beta and the branch's bias.
  float* partial_sums;
};
std::int64_t norm_parts(std::int64_t rows, std::int64_t columns);
void residual_norm_backward(const ResidualNormBackward& what, cudaStream_t stream);

}  // namespace lockstep::kernels
