// Fully connected layers of any model.
#pragma once

#include <torch/nn/modules/linear.h>

#include <optional>

#include "nn/dropout.hpp"
#include "nn/layer.hpp"
#include "nn/linear_function.hpp"

namespace lockstep {

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

}  // namespace lockstep
