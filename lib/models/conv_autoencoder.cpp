// Convolutional autoencoder: convolutions with max pooling down to a small picture, transposed convolutions
// back up; pixels in [0, 1].
#include <fmt/format.h>
#include <torch/nn/modules/conv.h>

#include "base/error.hpp"
#include "models/zoo.hpp"
#include "nn/conv_block.hpp"

namespace lockstep {

namespace {

enum class Ending { relu, sigmoid };

// (B, C, H, W) -> (B, channels, 2 H, 2 W): a transposed convolution, kernel 2, stride 2.
class UpsamplingBlock : public Layer {
 public:
  UpsamplingBlock(const FeatureShape& in, std::int64_t channels, Ending ending)
      : in_(in),
        channels_(channels),
        ending_(ending),
        conv_(register_module("conv",
                              torch::nn::ConvTranspose2d(
                                  torch::nn::ConvTranspose2dOptions(in.channels, channels, 2).stride(2)))) {}

  Flow forward(Flow inputs) override {
    const torch::Tensor x = conv_->forward(inputs[0]);
    inputs[0] = ending_ == Ending::relu ? at::relu(x) : at::sigmoid(x);
    return inputs;
  }

  // Each input pixel goes into four output pixels of each channel.
  double forward_flops() const override {
    return 2.0 * 4.0 * static_cast<double>(channels_ * in_.channels * in_.height * in_.width);
  }

  FeatureShape out_shape() const { return {channels_, 2 * in_.height, 2 * in_.width}; }

 private:
  FeatureShape in_;
  std::int64_t channels_;
  Ending ending_;
  torch::nn::ConvTranspose2d conv_;
};

std::shared_ptr<Model> build_conv_autoencoder(const HyperParameters& hyper, const ModelInputs& inputs) {
  const std::vector<std::int64_t> channels = hyper.integers("channels");
  const FeatureShape image = image_shape(inputs.sample_shape);
  const std::int64_t factor = std::int64_t{1} << channels.size();
  if (image.height % factor != 0 || image.width % factor != 0) {
    throw input_error(
        "{}: {} poolings by 2 need images whose height and width are multiples of {}; these are {} x {}; "
        "use fewer, or set 'data.resize'",
        hyper.place("channels"), channels.size(), factor, image.height, image.width);
  }
  auto model = std::make_shared<Model>("conv_autoencoder");
  FeatureShape shape = image;
  for (std::size_t i = 0; i < channels.size(); ++i) {
    auto block = std::make_shared<ConvolutionBlock>(
        shape,
        BlockOptions{.channels = channels[i], .kernel = 3, .padding = 1, .batch_norm = false, .pool = true});
    shape = block->out_shape();
    model->append(fmt::format("encoder{}", i + 1), std::move(block));
  }
  for (std::size_t i = channels.size(); i-- > 0;) {
    auto block = std::make_shared<UpsamplingBlock>(shape, i == 0 ? image.channels : channels[i - 1],
                                                   i == 0 ? Ending::sigmoid : Ending::relu);
    shape = block->out_shape();
    model->append(fmt::format("decoder{}", channels.size() - i), std::move(block));
  }
  return model;
}

}  // namespace

ModelRow conv_autoencoder() {
  using Kind = HyperParameter::Kind;
  return {"conv_autoencoder",
          "Convolutional autoencoder for images with pixels in [0, 1] (data.normalise: false)",
          SampleKind::images,
          {},
          {{"channels",
            Kind::integers,
            {"[16, 4]"},
            "Output channels of each encoder block, which halves height and width",
            1,
            65536}},
          build_conv_autoencoder,
          TaskKind::reconstruction};
}

}  // namespace lockstep
