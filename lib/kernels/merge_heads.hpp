// The gradients of query, key and value side by side, as the projection to all three wants them.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "kernels/element.hpp"

namespace lockstep::kernels {

// A (B, heads, T, D) tensor: element (b, h, t, d) is at b batch + h head + t token + d.
struct HeadStrides {
  std::int64_t batch, head, token;
};

struct HeadGradients {
  const Bf16* parts[3];  // query, key, value, each with its strides
  HeadStrides strides[3];
  std::int64_t batch, heads, length, depth;  // B, heads, T, D
};

// merged: (B, T, 3, heads, D), contiguous. partial_sums: (column_parts(B T, 3 heads D), 3 heads D); null: not
// wanted.
void merge_heads(const HeadGradients& from, Bf16* merged, float* partial_sums, cudaStream_t stream);

}  // namespace lockstep::kernels
