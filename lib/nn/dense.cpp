#include "nn/dense.hpp"

#include <utility>

namespace lockstep {

DenseLayer::DenseLayer(std::int64_t in, std::int64_t out, Activation activation,
                       std::optional<Dropout> dropout)
    : linear_(in, out), activation_(activation), dropout_(std::move(dropout)) {
  register_module("linear", linear_);
}

Flow DenseLayer::forward(Flow inputs) {
  torch::Tensor x = inputs[0];  // (B, ...)
  if (x.dim() > 2) x = x.flatten(1);
  const bool masks_relu = dropout_ && activation_ == Activation::relu;  // in one pass
  x = fast_linear(x, linear_->weight, linear_->bias,
                  masks_relu ? Activation::none : activation_);  // (B, out)
  if (dropout_) x = masks_relu ? dropout_->apply_relu(x, is_training()) : dropout_->apply(x, is_training());
  inputs[0] = std::move(x);
  return inputs;
}

double DenseLayer::forward_flops() const {
  return 2.0 * static_cast<double>(linear_->options.in_features()) *
         static_cast<double>(linear_->options.out_features());
}

}  // namespace lockstep
