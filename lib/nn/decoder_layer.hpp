// One decoder layer of a language model as GPT-2 has them: pre-LN, causal self-attention, then a feed-forward
// block with GELU; no cross-attention. Parameters are named as the encoder layer's.
#pragma once

#include "nn/encoder_layer.hpp"

namespace lockstep {

struct DecoderOptions {
  EncoderOptions sizes;
  std::int64_t layers;  // of the model: the projections onto the residual stream are initialised by it
  bool recompute;       // save the layer's input alone, and run the layer again in the backward pass
};

// [x (B, T, E)] -> the same shape; T up to the options' length. By fused functions, in training without
// recomputing and in evaluation, what a layer returns is {x, branch, bias}: the branch (B, T, E) that the
// layer behind it adds to x, with this bias (E) and dropout, as it normalises the sum.
class DecoderLayer : public TransformerLayer {
 public:
  // first_site: the number of its first dropout; four numbers are its own. context: as the model's layers
  // read it; recomputing sets it back for a moment.
  DecoderLayer(const DecoderOptions& options, std::uint32_t first_site,
               const std::shared_ptr<DropoutContext>& context);
  Flow forward(Flow inputs) override;
  Flow settled(Flow outputs) override;

 private:
  torch::Tensor compute(const torch::Tensor& x);
  Flow forward_fused(const Flow& inputs);

  bool recompute_;
  std::shared_ptr<DropoutContext> context_;
};

}  // namespace lockstep
