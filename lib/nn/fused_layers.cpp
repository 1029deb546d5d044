// Encoder and decoder layers by fused functions: for a build with CUDA alone.
#include "nn/decoder_layer.hpp"
#include "nn/encoder_layer.hpp"
#include "nn/fused.hpp"

namespace lockstep {

torch::Tensor SelfAttention::forward_fused(const torch::Tensor& x, const std::optional<torch::Tensor>& bias) {
  const double p = is_training() ? dropout_.p() : 0;
  const torch::Tensor attended = fused::attention(x, {in_proj_weight_, in_proj_bias_, bias, heads_, p});
  return fused::linear(attended, out_proj_->weight);
}

fused::Branch TransformerLayer::branch(const torch::Tensor& x, const torch::nn::Linear& linear,
                                       const Dropout& dropout) const {
  return {x, linear->bias, is_training() ? dropout.p() : 0};
}

fused::Branch TransformerLayer::attended(const torch::Tensor& x,
                                         const std::optional<torch::Tensor>& bias) const {
  return {self_attn_->forward_fused(x, bias), self_attn_->out_bias(), is_training() ? dropout1_.p() : 0};
}

torch::Tensor EncoderLayer::compute_fused(const torch::Tensor& x, const torch::Tensor& bias) {
  const auto [y, normed] = fused::add_then_norm(x, attended(x, bias), norm1_);
  const double p = is_training() ? dropout_hidden_.p() : 0;
  const torch::Tensor hidden = fused::linear_relu(normed, linear1_->weight, linear1_->bias, p);  // (B, T, FF)
  return fused::add_then_norm(y, branch(fused::linear(hidden, linear2_->weight), linear2_, dropout2_), norm2_)
      .stream;
}

Flow DecoderLayer::forward_fused(const Flow& inputs) {
  const auto [stream, normed] = fused::norm(inputs, is_training() ? dropout2_.p() : 0, norm1_);
  const auto [y, again] = fused::add_norm(stream, attended(normed, std::nullopt), norm2_);
  const torch::Tensor hidden = fused::linear_gelu(again, linear1_->weight, linear1_->bias);  // (B, T, FF)
  return {y, fused::linear(hidden, linear2_->weight), linear2_->bias};
}

}  // namespace lockstep
