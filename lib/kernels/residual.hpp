// A residual stream in fp32 to which a branch in bf16 is added. All tensors are (rows, columns), contiguous,
// in device memory of the stream's device; any sizes. Nothing blocks the host.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "kernels/dropout_mask.hpp"
#include "kernels/element.hpp"

namespace lockstep::kernels {

struct Branch {
  const Bf16* values;  // null: there is none
  const float* bias;   // (columns), added to values before dropout; null: none
  DropoutMask mask;    // its elements are numbered row by row
};

// sum = base + dropout(branch + bias).
void residual_add(const float* base, const Branch& branch, float* sum, std::int64_t rows,
                  std::int64_t columns, cudaStream_t stream);

// d_branch = dropout's gradient of d_sum. partial_sums: (column_parts(rows, columns), columns), of d_branch
// before it is rounded: the bias's gradient; null: not wanted.
void residual_add_backward(const float* d_sum, const DropoutMask& mask, Bf16* d_branch, float* partial_sums,
                           std::int64_t rows, std::int64_t columns, cudaStream_t stream);

// out = table[tokens] + positions[row % length], then dropout. tokens: (rows) int64, each an id below
// `vocabulary`, else its row becomes NaN; table: (vocabulary, columns); positions: (length, columns).
struct Lookup {
  const std::int64_t* tokens;
  const float *table, *positions;
  std::int64_t vocabulary, length;
  DropoutMask mask;
};
void look_up(const Lookup& from, float* out, std::int64_t rows, std::int64_t columns, cudaStream_t stream);
// d_in = dropout's gradient of d_out.
void masked_copy(const float* d_out, const DropoutMask& mask, float* d_in, std::int64_t rows,
                 std::int64_t columns, cudaStream_t stream);

}  // namespace lockstep::kernels
