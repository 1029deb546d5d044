// The first layer of models that read a document word by word.
#pragma once

#include "nn/dropout.hpp"
#include "nn/embedding.hpp"
#include "nn/layer.hpp"

namespace lockstep {

// tokens (B, T) int64 -> [x (B, T, E), lengths (B) int64]. x is zero at padding; lengths are at least 1.
class TextEmbedding : public Layer {
 public:
  TextEmbedding(std::int64_t vocabulary, std::int64_t width, Dropout dropout);
  Flow forward(Flow inputs) override;
  double forward_flops() const override { return 0; }  // a look-up has no products

 private:
  Dropout dropout_;
  torch::nn::Embedding embedding_;
};

}  // namespace lockstep
