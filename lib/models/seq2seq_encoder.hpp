// The encoder's layers of the translation model. Flow, batch first: S source positions, E embedding, H units.
#pragma once

#include "models/model.hpp"
#include "nn/dropout.hpp"
#include "nn/lstm_steps.hpp"

namespace lockstep {

// [source (B, S) int64, target (B, U) int64] -> [x (B, S, E), lengths (B) int64, target]. A length counts up
// to the row's last token that is not padding, and is at least 1.
class SourceEmbedding : public Layer {
 public:
  SourceEmbedding(std::int64_t vocabulary, std::int64_t width, Dropout dropout);
  Flow forward(Flow inputs) override;
  double forward_flops() const override { return 0; }  // a look-up has no products

 private:
  Dropout dropout_;
  torch::Tensor weight_;
};

// [x (B, S, in), lengths, target, states (B, 2 i, H)] -> [x (B, S, H), lengths, target, states (B, 2 i + 2,
// H)]: the states (h, c) at each row's last token of this layer follow those of the layers before, of which
// the first has none. The last layer gives [states, target]. Padded positions are not read.
class EncoderLstm : public Layer {
 public:
  struct Options {
    std::int64_t length, in, units;
    bool last;
  };
  EncoderLstm(const Options& options, Dropout dropout);
  Flow forward(Flow inputs) override;
  double forward_flops() const override;

 private:
  struct Read {
    torch::Tensor y;       // (B, S, H); the last layer's is left out where that saves work
    torch::Tensor states;  // (B, 2, H): h and c
  };
  Read read_packed(const torch::Tensor& x, const torch::Tensor& lengths) const;
  Read read_padded(const torch::Tensor& x, const torch::Tensor& lengths) const;

  Options options_;
  Dropout dropout_;  // of what the next layer reads
  std::shared_ptr<LstmCells> cells_;
};

}  // namespace lockstep
