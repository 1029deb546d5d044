#include "nn/decoder_layer.hpp"

#include <torch/nn/init.h>

#include <cmath>

#include "nn/fused.hpp"
#include "nn/gelu.hpp"
#include "nn/linear_function.hpp"
#include "nn/recompute.hpp"

namespace lockstep {

namespace {

// Radford et al. 2019, section 2.3: N(0, 0.02), the weights that write to the residual stream divided by the
// square root of how many there are; biases 0.
void initialise(torch::nn::Module& layer, std::int64_t layers) {
  const torch::NoGradGuard no_grad;
  for (const auto& item : layer.named_parameters()) {
    const std::string& name = item.key();
    if (name.rfind("norm", 0) == 0) continue;
    torch::Tensor parameter = item.value();
    if (parameter.dim() == 1) {
      parameter.zero_();
      continue;
    }
    const bool residual = name == "self_attn.out_proj.weight" || name == "linear2.weight";
    parameter.normal_(0, residual ? 0.02 / std::sqrt(2.0 * static_cast<double>(layers)) : 0.02);
  }
}

}  // namespace

DecoderLayer::DecoderLayer(const DecoderOptions& options, std::uint32_t first_site,
                           const std::shared_ptr<DropoutContext>& context)
    : TransformerLayer(options.sizes, first_site, context), recompute_(options.recompute), context_(context) {
  initialise(*this, options.layers);
}

torch::Tensor DecoderLayer::compute(const torch::Tensor& x) {
  if constexpr (fused::kBuilt)
    if (fused::takes(x, norm1_->weight)) return settled(forward_fused({x}))[0];
  const bool training = is_training();
  const torch::Tensor attended = self_attn_->forward_causal(norm1_->forward(x));  // (B, T, E)
  const torch::Tensor y = dropout1_.apply_add(attended, x, training);             // (B, T, E)
  const torch::Tensor hidden =
      gelu_tanh(fast_linear(norm2_->forward(y), linear1_->weight, linear1_->bias));  // (B, T, FF)
  return dropout2_.apply_add(fast_linear(hidden, linear2_->weight, linear2_->bias), y, training);
}

Flow DecoderLayer::forward(Flow inputs) {
  if constexpr (fused::kBuilt)
    if (fused::takes(inputs[0], norm1_->weight) && !(recompute_ && is_training()))
      return forward_fused(inputs);
  const auto layer = [this](const torch::Tensor& x) { return compute(x); };
  inputs[0] = recompute_ && is_training() ? recomputed(layer, inputs[0], context_) : compute(inputs[0]);
  return inputs;
}

Flow DecoderLayer::settled(Flow outputs) {
  if constexpr (fused::kBuilt)
    if (outputs.size() > 1) return {fused::add(outputs, is_training() ? dropout2_.p() : 0)};
  return outputs;
}

}  // namespace lockstep
