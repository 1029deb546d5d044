// One decoder layer of a language model as GPT-2 has them: pre-LN, causal self-attention, then a feed-forward
// block with GELU; no cross-attention. Parameters are named as the encoder layer's.
#pragma once

#include "models/encoder_layer.hpp"

namespace lockstep {

struct DecoderOptions {
  EncoderOptions sizes;
  std::int64_t layers;  // of the model: the projections onto the residual stream are initialised by it
  bool recompute;       // save the layer's input alone, and run the layer again in the backward pass
};

// [x (B, T, E)] -> the same shape; T up to the options' length.
class DecoderLayer : public TransformerLayer {
 public:
  // first_site: the number of its first dropout; four numbers are its own. context: as the model's layers
  // read it; recomputing sets it back for a moment.
  DecoderLayer(const DecoderOptions& options, std::uint32_t first_site,
               const std::shared_ptr<DropoutContext>& context);
  Flow forward(Flow inputs) override;

 private:
  torch::Tensor compute(const torch::Tensor& x);
  torch::Tensor compute_fused(const torch::Tensor& x);

  bool recompute_;
  std::shared_ptr<DropoutContext> context_;
};

}  // namespace lockstep
