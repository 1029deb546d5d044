// VGG for images (Simonyan and Zisserman 2015, configuration A, with batch normalisation): convolution
// blocks, adaptive average pooling, linear layers with dropout.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "models/classifier.hpp"
#include "models/zoo.hpp"
#include "nn/conv_block.hpp"

namespace lockstep {

namespace {

// (B, C, H, W) -> (B, C, size, size), whatever H and W.
class AdaptivePooling : public Layer {
 public:
  explicit AdaptivePooling(std::int64_t size) : size_(size) {}

  Flow forward(Flow inputs) override {
    inputs[0] = at::adaptive_avg_pool2d(inputs[0], {size_, size_}).contiguous();
    return inputs;
  }

  double forward_flops() const override { return 0; }  // sums have no products

 private:
  std::int64_t size_;
};

std::shared_ptr<Model> build_vgg11(const HyperParameters& hyper, const ModelInputs& inputs) {
  const std::vector<std::int64_t> channels = hyper.integers("channels"), pools = hyper.integers("pool_after");
  for (const std::int64_t pool : pools) {
    if (pool > static_cast<std::int64_t>(channels.size()))
      throw input_error("{}: there is no convolution {}; 'model.channels' has {}", hyper.place("pool_after"),
                        pool, channels.size());
  }
  auto model = std::make_shared<Model>("vgg11");
  FeatureShape shape = image_shape(inputs.sample_shape);
  for (std::int64_t number = 1; const std::int64_t width : channels) {
    const bool pool = std::find(pools.begin(), pools.end(), number) != pools.end();
    auto block = std::make_shared<ConvolutionBlock>(
        shape, BlockOptions{.channels = width, .kernel = 3, .padding = 1, .batch_norm = true, .pool = pool});
    shape = block->out_shape();
    if (shape.height < 1 || shape.width < 1) {
      throw input_error(
          "{}: no pixel is left of a {} x {} image after convolution {}; pool less often, or raise "
          "'data.resize'",
          hyper.place("pool_after"), inputs.sample_shape[1], inputs.sample_shape[2], number);
    }
    model->append(fmt::format("conv{}", number++), std::move(block));
  }
  const std::int64_t pooled = hyper.integer("pooled");
  model->append("pool", std::make_shared<AdaptivePooling>(pooled));
  append_classifier(*model, shape.channels * pooled * pooled, hyper.integers("hidden"), inputs.classes,
                    hyper.real("dropout"));
  return model;
}

}  // namespace

ModelRow vgg11() {
  using Kind = HyperParameter::Kind;
  return {"vgg11",
          "VGG-11 with batch normalisation for images",
          SampleKind::images,
          {},
          {{"channels",
            Kind::integers,
            {"[64, 128, 256, 256, 512, 512, 512, 512]"},
            "Output channels of each 3 x 3 convolution"},
           {"pool_after",
            Kind::integers,
            {"[1, 2, 4, 6, 8]"},
            "Numbers of the convolutions that max pooling by 2 follows"},
           {"pooled", Kind::integer, {"7"}, "Height and width after adaptive average pooling"},
           {"hidden", Kind::integers, {"[4096, 4096]"}, "Widths of the hidden linear layers"},
           {"dropout", Kind::real, {"0.5"}, "Share of hidden activations that training zeroes", 0, 1}},
          build_vgg11};
}

}  // namespace lockstep
