// Convolutional network for images: [convolution, batch normalisation, ReLU, max pooling] blocks, then linear
// layers.
#include <fmt/format.h>

#include <utility>

#include "base/error.hpp"
#include "models/classifier.hpp"
#include "models/zoo.hpp"
#include "nn/conv_block.hpp"

namespace lockstep {

namespace {

std::shared_ptr<Model> build_cnn(const HyperParameters& hyper, const ModelInputs& inputs) {
  auto model = std::make_shared<Model>("cnn");
  FeatureShape shape = image_shape(inputs.sample_shape);
  int number = 0;
  for (const std::int64_t channels : hyper.integers("channels")) {
    auto block = std::make_shared<ConvolutionBlock>(
        shape, BlockOptions{channels, hyper.integer("kernel"), hyper.integer("padding"),
                            hyper.boolean("batch_norm"), hyper.boolean("pool")});
    shape = block->out_shape();
    if (shape.height < 1 || shape.width < 1) {
      throw input_error(
          "{}: no pixel is left of a {} x {} image after block {}; use fewer blocks or a smaller kernel",
          hyper.place("channels"), inputs.sample_shape[1], inputs.sample_shape[2], number + 1);
    }
    model->append(fmt::format("conv{}", ++number), std::move(block));
  }
  append_classifier(*model, shape.channels * shape.height * shape.width, hyper.integers("hidden"),
                    inputs.classes);
  return model;
}

}  // namespace

ModelRow cnn() {
  using Kind = HyperParameter::Kind;
  return {
      "cnn",
      "Convolutional network for images",
      SampleKind::images,
      {"mnist", "cifar10"},
      {{"channels", Kind::integers, {"[32]", "[32, 64, 128]"}, "Output channels of each convolution block"},
       {"kernel", Kind::integer, {"3"}, "Height and width of the kernels"},
       {"padding", Kind::integer, {"0", "1"}, "Zero padding of each convolution", 0},
       {"batch_norm", Kind::boolean, {"false", "true"}, "Batch normalisation after each convolution"},
       {"pool", Kind::boolean, {"false", "true"}, "Max pooling by 2 at the end of each block"},
       {"hidden", Kind::integers, {"[128]", "[512]"}, "Widths of the hidden linear layers"}},
      build_cnn};
}

}  // namespace lockstep
