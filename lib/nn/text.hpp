// What the models of text know of padding: id 0, at the end of a document only.
#pragma once

#include <torch/types.h>

namespace lockstep {

// tokens: (B, T) int64, T >= 1, real tokens first and then padding. Returns (B) int64 on the same device: the
// tokens of each document, at least 1. A document of no tokens counts as one padding token, so that a mean, a
// maximum and a last state exist.
torch::Tensor document_lengths(const torch::Tensor& tokens);

// (B, T) bool: true at the first lengths[b] places of document b. lengths: (B) int64.
torch::Tensor document_mask(const torch::Tensor& lengths, std::int64_t longest);

}  // namespace lockstep
