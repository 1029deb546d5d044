// What the tests of embeddings compare with: plain indexing. weight: (vocabulary, E); tokens: (B, T) int64.
#pragma once

#include <torch/types.h>

namespace lockstep::test {

// (B, T, E): rows of the table.
inline torch::Tensor plain_rows(const torch::Tensor& weight, const torch::Tensor& tokens) {
  return weight.index({tokens});
}

// The same, and zero for padding.
inline torch::Tensor plain_embed(const torch::Tensor& weight, const torch::Tensor& tokens) {
  return plain_rows(weight, tokens) * tokens.ne(0).unsqueeze(2);
}

// (B, E).
inline torch::Tensor plain_mean(const torch::Tensor& weight, const torch::Tensor& tokens) {
  return plain_embed(weight, tokens).sum(1) / tokens.ne(0).sum(1, true).clamp_min(1);
}

}  // namespace lockstep::test
