// Fully connected layers of any model.
#pragma once

#include <torch/nn/modules/linear.h>

#include <optional>

#include "models/dropout.hpp"
#include "models/model.hpp"

namespace lockstep {

enum class Activation { none, relu };

// Flattens all but the first dimension, then a linear map, the activation, and dropout where there is one:
// (B, ...) -> (B, out).
class DenseLayer : public Layer {
 public:
  DenseLayer(std::int64_t in, std::int64_t out, Activation activation,
             std::optional<Dropout> dropout = std::nullopt);
  Flow forward(Flow inputs) override;
  double forward_flops() const override;

 private:
  torch::nn::Linear linear_;
  Activation activation_;
  std::optional<Dropout> dropout_;
};

// Appends the ReLU layers "hidden1", "hidden2", ... and the layer "output" of `classes` logits. dropout:
// after each hidden layer; its masks take the model's sites 0, 1, ...
void append_classifier(Model& model, std::int64_t in, const std::vector<std::int64_t>& hidden,
                       std::int64_t classes, double dropout = 0);

}  // namespace lockstep
