// Perceptron with residual blocks for images. docs/adding-a-model.md shows this file.
#include <fmt/format.h>

#include "models/zoo.hpp"
#include "nn/dense.hpp"

namespace lockstep {

namespace {

// (B, width) -> (B, width): x + relu(linear(x)).
class ResidualBlock : public Layer {
 public:
  explicit ResidualBlock(std::int64_t width)
      : width_(width), linear_(register_module("linear", torch::nn::Linear(width, width))) {}

  Flow forward(Flow inputs) override {
    inputs[0] = inputs[0] + linear_->forward(inputs[0]).relu_();
    return inputs;
  }

  double forward_flops() const override { return 2.0 * static_cast<double>(width_ * width_); }

 private:
  std::int64_t width_;
  torch::nn::Linear linear_;
};

std::shared_ptr<Model> build_residual_mlp(const HyperParameters& hyper, const ModelInputs& inputs) {
  const std::int64_t width = hyper.integer("width");
  const std::int64_t pixels = inputs.sample_shape[0] * inputs.sample_shape[1] * inputs.sample_shape[2];
  auto model = std::make_shared<Model>("residual_mlp");
  model->append("input", std::make_shared<DenseLayer>(pixels, width, Activation::relu));
  for (std::int64_t i = 1; i <= hyper.integer("blocks"); ++i) {
    model->append(fmt::format("block{}", i), std::make_shared<ResidualBlock>(width));
  }
  model->append("output", std::make_shared<DenseLayer>(width, inputs.classes, Activation::none));
  return model;
}

}  // namespace

ModelRow residual_mlp() {
  using Kind = HyperParameter::Kind;
  return {"residual_mlp",
          "Perceptron with residual blocks for images",
          SampleKind::images,
          {"narrow", "wide"},
          {{"width", Kind::integer, {"64", "512"}, "Width of every block"},
           {"blocks", Kind::integer, {"4"}, "Residual blocks"}},
          build_residual_mlp};
}

}  // namespace lockstep
