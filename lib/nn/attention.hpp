// Multi-head self-attention between the projections: softmax(Q K' / sqrt(D) + bias), dropout, times V. On the
// CPU the scores that are worked on stay in the cache while they are used; on a GPU it is LibTorch's.
#pragma once

#include <torch/types.h>

#include "nn/dropout.hpp"

namespace lockstep {

// qkv: (B, T, 3E), the projections to query, key and value of all heads side by side; bias: (B, 1, 1, T), 0
// where a token may be attended to and -inf where not, at least one 0 a sample. heads divides E. Returns (B,
// T, E).
torch::Tensor self_attention(const torch::Tensor& qkv, const torch::Tensor& bias, std::int64_t heads,
                             const Dropout& dropout, bool training);

// The same where position t attends to positions 0..t, all of them real: no bias.
torch::Tensor causal_self_attention(const torch::Tensor& qkv, std::int64_t heads, const Dropout& dropout,
                                    bool training);

}  // namespace lockstep
