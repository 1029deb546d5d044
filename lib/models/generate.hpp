// Models that generate text, token by token. The evaluation finds them by dynamic_cast of the Model.
#pragma once

#include <torch/types.h>

#include <cstdint>

namespace lockstep {

// Models that translate.
class SequenceGenerator {
 public:
  virtual ~SequenceGenerator() = default;

  // source: (B, S) int64, as the model reads it, on its device. Takes the likeliest token at each place.
  // Returns ids (B, L) int64, 1 <= L <= max_length, without the begin token; a row ends with kEndToken unless
  // it reaches max_length, and is padded with kPaddingToken. Nothing is dropped out, whatever the mode.
  virtual torch::Tensor greedy(const torch::Tensor& source, std::int64_t max_length) = 0;
};

// Models of running text.
class TokenGenerator {
 public:
  virtual ~TokenGenerator() = default;

  // Continues prompt, (1, P) int64 with P >= 1 on the model's device, by `count` tokens: (1, P + count), on
  // the same device. Each is drawn from softmax(logits / temperature), at temperature 0 it is the likeliest;
  // the draws follow from the seed. The model reads the last tokens that fit its context. Nothing is dropped
  // out, whatever the mode. Costs a forward pass a token.
  virtual torch::Tensor generate(const torch::Tensor& prompt, std::int64_t count, double temperature,
                                 std::uint64_t seed) = 0;
};

}  // namespace lockstep
