#include "nn/text_embedding.hpp"

#include <utility>

#include "nn/text.hpp"

namespace lockstep {

TextEmbedding::TextEmbedding(std::int64_t vocabulary, std::int64_t width, Dropout dropout)
    : dropout_(std::move(dropout)),
      embedding_(register_module("embedding", word_embedding(vocabulary, width))) {}

Flow TextEmbedding::forward(Flow inputs) {
  return {dropout_.apply(embed(embedding_->weight, inputs[0]), is_training()), document_lengths(inputs[0])};
}

}  // namespace lockstep
