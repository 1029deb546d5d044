// The decoder of the translation model: embedding, LSTM layers and the projection to the vocabulary, one
// layer of the model because what it writes can be what it reads next.
#pragma once

#include <memory>
#include <vector>

#include "models/model.hpp"
#include "nn/dropout.hpp"
#include "nn/lstm_steps.hpp"
#include "nn/own_kernels.hpp"

namespace lockstep {

// [states (B, 2 layers, H): h and c of each layer, target (B, U) int64, U >= 2] -> [logits (B, U - 1, V)].
// Position 0 of the target is read first. In training a coin for each later position, the same for the whole
// batch, on every rank and in every micro batch of a step, says whether the target is read there (heads) or
// the likeliest token of the position before; in evaluation it is always the latter.
class SequenceDecoder : public Layer {
 public:
  struct Options {
    std::int64_t length;  // U - 1 of the longest target
    std::int64_t vocabulary, width, units, layers;
    double dropout, teacher_forcing;  // the share of coins that show heads
  };
  // first_site: the first of 1 + layers numbers for dropout and coins.
  SequenceDecoder(const Options& options, std::uint32_t first_site,
                  std::shared_ptr<const DropoutContext> context);
  Flow forward(Flow inputs) override;
  double forward_flops() const override;
  void prepare_step() override;  // writes the coins

  // begin: (B) int64, read first. As SequenceGenerator::greedy, in the mode the layer is in.
  torch::Tensor greedy(const torch::Tensor& states, const torch::Tensor& begin, std::int64_t max_length);

  // Whether position t of the target is read in training, for the step that the context describes.
  bool heads(std::int64_t t) const;

 private:
  struct Walk;
  Walk start(const torch::Tensor& states, std::int64_t steps) const;
  torch::Tensor advance(Walk& walk, const torch::Tensor& tokens) const;
  torch::Tensor next_logits(Walk& walk, const torch::Tensor& tokens) const;
  torch::Tensor read_tokens(Walk& walk, const torch::Tensor& target) const;
  torch::Tensor read_in_memory(Walk& walk, const torch::Tensor& target) const;
  bool by_own_loops() const { return takes_own_loops(weight_); }
  torch::Tensor train_logits(Walk& walk, const torch::Tensor& tokens) const;
  std::vector<torch::Tensor> dropout_factors(std::int64_t batch, std::int64_t steps) const;

  Options options_;
  std::uint32_t coin_site_;
  std::shared_ptr<const DropoutContext> context_;
  std::vector<Dropout> dropouts_;  // of what each LSTM layer reads
  torch::Tensor embedding_;        // (V, E)
  std::vector<std::shared_ptr<LstmCells>> cells_;
  torch::Tensor weight_, bias_;  // (V, H), (V)
  torch::Tensor coins_;          // (length) bool, beside the weight; undefined until prepare_step
  DropoutContext coins_of_;      // the step
};

}  // namespace lockstep
