// Multi-layer perceptron for images: flatten, linear layers with ReLU, linear.
#include <functional>
#include <numeric>

#include "models/classifier.hpp"
#include "models/zoo.hpp"

namespace lockstep {

namespace {

std::shared_ptr<Model> build_mlp(const HyperParameters& hyper, const ModelInputs& inputs) {
  const auto& shape = inputs.sample_shape;  // (C, H, W)
  const auto pixels = std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
  auto model = std::make_shared<Model>("mlp");
  append_classifier(*model, pixels, hyper.integers("hidden"), inputs.classes);
  return model;
}

}  // namespace

ModelRow mlp() {
  using Kind = HyperParameter::Kind;
  return {"mlp",
          "Multi-layer perceptron for images",
          SampleKind::images,
          {},
          {{"hidden", Kind::integers, {"[250, 100]"}, "Widths of the hidden layers"}},
          build_mlp};
}

}  // namespace lockstep
