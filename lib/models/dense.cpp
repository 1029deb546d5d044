#include "models/dense.hpp"

#include <fmt/format.h>

#include <utility>

#include "models/linear_function.hpp"

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

void append_classifier(Model& model, std::int64_t in, const std::vector<std::int64_t>& hidden,
                       std::int64_t classes, double dropout) {
  for (std::size_t i = 0; i < hidden.size(); ++i) {
    std::optional<Dropout> drop;
    if (dropout > 0) drop.emplace(dropout, static_cast<std::uint32_t>(i), model.shared_dropout_context());
    model.append(fmt::format("hidden{}", i + 1),
                 std::make_shared<DenseLayer>(in, hidden[i], Activation::relu, std::move(drop)));
    in = hidden[i];
  }
  model.append("output", std::make_shared<DenseLayer>(in, classes, Activation::none));
}

}  // namespace lockstep
