#include "models/text_embedding.hpp"

#include <utility>

#include "models/text.hpp"

namespace lockstep {

TextEmbedding::TextEmbedding(std::int64_t vocabulary, std::int64_t width, Dropout dropout)
    : dropout_(std::move(dropout)),
      embedding_(register_module("embedding", word_embedding(vocabulary, width))) {}

Flow TextEmbedding::forward(Flow inputs) {
  torch::Tensor tokens = inputs[0];
  const torch::Tensor lengths = document_lengths(tokens);
  // Columns of padding alone are left out where the length is known without waiting for a device.
  if (tokens.is_cpu() && tokens.size(0) > 0) tokens = tokens.narrow(1, 0, lengths.max().item<std::int64_t>());
  return {dropout_.apply(embed(embedding_->weight, tokens), is_training()), lengths};
}

}  // namespace lockstep
