// Activations of bf16 tensors, computed in fp32. All are (rows, columns), contiguous, in device memory of the
// stream's device; any sizes. An output may be the memory of an input. Nothing blocks the host.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "kernels/dropout_mask.hpp"
#include "kernels/element.hpp"

namespace lockstep::kernels {

// y = gelu(x), in the tanh approximation (Hendrycks and Gimpel 2016, section 2).
void gelu(const Bf16* x, Bf16* y, std::int64_t rows, std::int64_t columns, cudaStream_t stream);
// d_x = d_y gelu'(x). partial_sums: (column_parts(rows, columns), columns), of d_x before it is rounded;
// null: not wanted.
void gelu_backward(const Bf16* x, const Bf16* d_y, Bf16* d_x, float* partial_sums, std::int64_t rows,
                   std::int64_t columns, cudaStream_t stream);

// y = dropout(max(x, 0)).
void relu_dropout(const Bf16* x, const DropoutMask& mask, Bf16* y, std::int64_t rows, std::int64_t columns,
                  cudaStream_t stream);
// d_x = y > 0 ? d_y scale : 0; scale: the mask's. partial_sums: as above.
void relu_dropout_backward(const Bf16* y, const Bf16* d_y, float scale, Bf16* d_x, float* partial_sums,
                           std::int64_t rows, std::int64_t columns, cudaStream_t stream);

}  // namespace lockstep::kernels
