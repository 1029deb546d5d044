#include "nn/encoder_layer.hpp"

#include <torch/nn/init.h>

#include <utility>

#include "nn/attention.hpp"
#include "nn/linear_function.hpp"

namespace lockstep {

SelfAttention::SelfAttention(const EncoderOptions& options, Dropout dropout)
    : heads_(options.heads),
      dropout_(std::move(dropout)),
      in_proj_weight_(register_parameter("in_proj_weight", torch::empty({3 * options.width, options.width}))),
      in_proj_bias_(register_parameter("in_proj_bias", torch::zeros({3 * options.width}))),
      out_proj_(register_module("out_proj", torch::nn::Linear(options.width, options.width))) {
  torch::nn::init::xavier_uniform_(in_proj_weight_);
  torch::nn::init::zeros_(out_proj_->bias);
}

torch::Tensor SelfAttention::forward(const torch::Tensor& x, const torch::Tensor& bias) {
  const torch::Tensor qkv = fast_linear(x, in_proj_weight_, in_proj_bias_);  // (B, T, 3E)
  const torch::Tensor attended = self_attention(qkv, bias, heads_, dropout_, is_training());
  return fast_linear(attended, out_proj_->weight, out_proj_->bias);
}

torch::Tensor SelfAttention::forward_causal(const torch::Tensor& x) {
  const torch::Tensor qkv = fast_linear(x, in_proj_weight_, in_proj_bias_);  // (B, T, 3E)
  const torch::Tensor attended = causal_self_attention(qkv, heads_, dropout_, is_training());
  return fast_linear(attended, out_proj_->weight, out_proj_->bias);
}

TransformerLayer::TransformerLayer(const EncoderOptions& options, std::uint32_t first_site,
                                   const std::shared_ptr<const DropoutContext>& context)
    : options_(options),
      dropout1_(options.dropout, first_site + 1, context),
      dropout_hidden_(options.dropout, first_site + 2, context),
      dropout2_(options.dropout, first_site + 3, context),
      self_attn_(register_module("self_attn", std::make_shared<SelfAttention>(
                                                  options, Dropout(options.dropout, first_site, context)))),
      linear1_(register_module("linear1", torch::nn::Linear(options.width, options.feed_forward))),
      linear2_(register_module("linear2", torch::nn::Linear(options.feed_forward, options.width))),
      norm1_(register_module("norm1", torch::nn::LayerNorm(torch::nn::LayerNormOptions({options.width})))),
      norm2_(register_module("norm2", torch::nn::LayerNorm(torch::nn::LayerNormOptions({options.width})))) {}

Flow EncoderLayer::forward(Flow inputs) {
  if constexpr (fused::kBuilt) {
    if (fused::takes(inputs[0], norm1_->weight)) {
      inputs[0] = compute_fused(inputs[0], inputs[1]);
      return inputs;
    }
  }
  const bool training = is_training();
  const torch::Tensor& x = inputs[0];                                                   // (B, T, E)
  const torch::Tensor attended = self_attn_->forward(x, inputs[1]);                     // (B, T, E)
  const torch::Tensor y = norm1_->forward(dropout1_.apply_add(attended, x, training));  // (B, T, E)
  const torch::Tensor hidden =
      dropout_hidden_.apply_relu(fast_linear(y, linear1_->weight, linear1_->bias), training);  // (B, T, FF)
  const torch::Tensor fed = fast_linear(hidden, linear2_->weight, linear2_->bias);             // (B, T, E)
  inputs[0] = norm2_->forward(dropout2_.apply_add(fed, y, training));
  return inputs;
}

double TransformerLayer::forward_flops() const {
  const auto length = static_cast<double>(options_.length), width = static_cast<double>(options_.width);
  const double projections = 2 * length * width * (3 * width + width);
  const double attention = 2 * 2 * length * length * width;  // scores, and their sum over the values
  const double feed_forward = 2 * 2 * length * width * static_cast<double>(options_.feed_forward);
  return projections + attention + feed_forward;
}

}  // namespace lockstep
