// Word embeddings. Id 0 is padding: it embeds to zero and its row gets no gradient. In fp32 a backward pass adds to the
// table's gradient, where there is one, in the rows of the batch's words alone, and passes none to the table's hooks.
// An id outside the table is an Error on the CPU, and NaN on a GPU.
#pragma once

#include <torch/nn/modules/embedding.h>
#include <torch/types.h>

namespace lockstep {

// A table of `vocabulary` rows drawn from N(0, 1), row 0 zero: torch::nn::Embedding with padding_idx 0.
torch::nn::Embedding word_embedding(std::int64_t vocabulary, std::int64_t width);

// weight: (vocabulary, E); tokens: (B, T) int64. Returns (B, T, E).
torch::Tensor embed(const torch::Tensor& weight, const torch::Tensor& tokens);

// The same, but for padding: id 0 is like any other.
torch::Tensor look_up_rows(const torch::Tensor& weight, const torch::Tensor& tokens);

// Returns (B, E): the mean over each document's real tokens, zero for a document of none.
torch::Tensor mean_embedding(const torch::Tensor& weight, const torch::Tensor& tokens);

}  // namespace lockstep
