// One encoder layer of a transformer (self-attention, then feed-forward; post-LN, ReLU), with parameters
// named and initialised as those of torch::nn::TransformerEncoderLayer.
#pragma once

#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

#include <optional>

#include "nn/dropout.hpp"
#include "nn/fused.hpp"
#include "nn/layer.hpp"

namespace lockstep {

struct EncoderOptions {
  std::int64_t length, width, heads, feed_forward;  // heads divide width
  double dropout;
};

// The in and out projections of multi-head self-attention.
class SelfAttention : public torch::nn::Module {
 public:
  SelfAttention(const EncoderOptions& options, Dropout dropout);

  // x: (B, T, E); bias: (B, 1, 1, T), 0 where a token may be attended to and -inf where not. Returns (B, T,
  // E).
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& bias);
  // The same where position t attends to positions 0..t.
  torch::Tensor forward_causal(const torch::Tensor& x);
  // The same by fused functions, which have to take it, without the bias behind it: that is for whoever adds
  // the result to the stream. bias: of the scores; none: causal.
  torch::Tensor forward_fused(const torch::Tensor& x, const std::optional<torch::Tensor>& bias);
  const torch::Tensor& out_bias() const { return out_proj_->bias; }

 private:
  std::int64_t heads_;
  Dropout dropout_;
  torch::Tensor in_proj_weight_, in_proj_bias_;  // (3E, E), (3E): query, key, value
  torch::nn::Linear out_proj_;
};

// What encoder and decoder layers consist of; what flows through them, and how, they say themselves.
class TransformerLayer : public Layer {
 public:
  double forward_flops() const override;

 protected:
  // first_site: the number of its first dropout; it has four.
  TransformerLayer(const EncoderOptions& options, std::uint32_t first_site,
                   const std::shared_ptr<const DropoutContext>& context);

  // For fused functions: what is added to the stream, x (B, T, E) being without the linear map's bias.
  fused::Branch branch(const torch::Tensor& x, const torch::nn::Linear& linear, const Dropout& dropout) const;
  fused::Branch attended(const torch::Tensor& x, const std::optional<torch::Tensor>& bias) const;

  EncoderOptions options_;
  Dropout dropout1_, dropout_hidden_, dropout2_;
  std::shared_ptr<SelfAttention> self_attn_;
  torch::nn::Linear linear1_, linear2_;
  torch::nn::LayerNorm norm1_, norm2_;
};

// [x (B, T, E), bias (B, 1, 1, T)] -> the same shapes.
class EncoderLayer : public TransformerLayer {
 public:
  // first_site: the number of its first dropout; it has four.
  EncoderLayer(const EncoderOptions& options, std::uint32_t first_site,
               const std::shared_ptr<const DropoutContext>& context)
      : TransformerLayer(options, first_site, context) {}
  Flow forward(Flow inputs) override;

 private:
  torch::Tensor compute_fused(const torch::Tensor& x, const torch::Tensor& bias);
};

}  // namespace lockstep
