#include "nn/dense.hpp"

#include <utility>

#include "nn/linear_function.hpp"

namespace lockstep {

DenseLayer::DenseLayer(std::int64_t in, std::int64_t out, Activation activation,
                       std::optional<Dropout> dropout)
    : linear_(in, out), activation_(activation), dropout_(std::move(dropout)) {
  register_module("linear", linear_);
}

Flow DenseLayer::forward(Flow inputs) {
  torch::Tensor x = inputs[0];  // (B, ...)
  if (x.dim() > 2) x = x.flatten(1);
  x = fast_linear(x, linear_->weight, linear_->bias);  // (B, out)
  const bool relu = activation_ == Activation::relu;
  if (dropout_)
    x = relu ? dropout_->apply_relu(x, is_training()) : dropout_->apply(x, is_training());
  else if (relu)
    x.relu_();
  inputs[0] = std::move(x);
  return inputs;
}

double DenseLayer::forward_flops() const {
  return 2.0 * static_cast<double>(linear_->options.in_features()) *
         static_cast<double>(linear_->options.out_features());
}

}  // namespace lockstep
