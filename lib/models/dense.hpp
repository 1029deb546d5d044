// Fully connected layers of any model.
#pragma once

#include <torch/nn/modules/linear.h>

#include "models/model.hpp"

namespace lockstep {

enum class Activation { none, relu };

// Flattens all but the first dimension, then a linear map and the activation: (B, ...) -> (B, out).
class DenseLayer : public Layer {
 public:
  DenseLayer(std::int64_t in, std::int64_t out, Activation activation);
  Flow forward(Flow inputs) override;
  double forward_flops() const override;

 private:
  torch::nn::Linear linear_;
  Activation activation_;
};

// Appends the ReLU layers "hidden1", "hidden2", ... and the layer "output" of `classes` logits.
void append_classifier(Model& model, std::int64_t in, const std::vector<std::int64_t>& hidden,
                       std::int64_t classes);

}  // namespace lockstep
