// Convolutional network for images: [convolution, batch normalisation, ReLU, max pooling] blocks, then linear
// layers.
#include <fmt/format.h>
#include <torch/nn/modules/conv.h>

#include <utility>

#include "base/error.hpp"
#include "models/batch_norm.hpp"
#include "models/dense.hpp"
#include "models/zoo.hpp"

namespace lockstep {

namespace {

struct ImageShape {
  std::int64_t channels, height, width;
};

struct BlockOptions {
  std::int64_t channels, kernel, padding;
  bool batch_norm, pool;
};

// (B, C, H, W) -> (B, channels, H', W'), H' = H + 2 padding - kernel + 1, halved (rounded down) when pooling
// by 2.
class ConvolutionBlock : public Layer {
 public:
  ConvolutionBlock(const ImageShape& in, const BlockOptions& options)
      : options_(options),
        in_(in),
        conv_(torch::nn::Conv2dOptions(in.channels, options.channels, options.kernel)
                  .padding(options.padding)) {
    register_module("conv", conv_);
    if (options.batch_norm)
      norm_ = register_module("norm", std::make_shared<BatchNorm2dImpl>(options.channels));
  }

  Flow forward(Flow inputs) override {
    // Channels last is over twice as fast for pooling on the CPU, and no slower for the rest.
    const bool channels_last = options_.pool && inputs[0].is_cpu();
    torch::Tensor x = channels_last ? inputs[0].contiguous(at::MemoryFormat::ChannelsLast) : inputs[0];
    x = conv_->forward(x);  // (B, channels, H + 2 padding - kernel + 1, ...)
    if (norm_) x = norm_->forward(x);
    // ReLU commutes with the maximum, and after it there is a quarter of the work.
    if (options_.pool) x = at::max_pool2d(x, 2);
    inputs[0] = x.relu_();
    return inputs;
  }

  double forward_flops() const override {
    const ImageShape convolved = convolution_shape();
    const double per_output = 2.0 * static_cast<double>(in_.channels * options_.kernel * options_.kernel);
    return per_output * static_cast<double>(convolved.channels * convolved.height * convolved.width);
  }

  ImageShape out_shape() const {
    ImageShape out = convolution_shape();
    if (options_.pool) out = {out.channels, out.height / 2, out.width / 2};
    return out;
  }

 private:
  ImageShape convolution_shape() const {
    const std::int64_t grown = 2 * options_.padding - options_.kernel + 1;
    return {options_.channels, in_.height + grown, in_.width + grown};
  }

  BlockOptions options_;
  ImageShape in_;
  torch::nn::Conv2d conv_;
  std::shared_ptr<BatchNorm2dImpl> norm_;
};

std::shared_ptr<Model> build_cnn(const HyperParameters& hyper, const ModelInputs& inputs) {
  auto model = std::make_shared<Model>("cnn");
  ImageShape shape{inputs.sample_shape[0], inputs.sample_shape[1], inputs.sample_shape[2]};
  int number = 0;
  for (const std::int64_t channels : hyper.integers("channels")) {
    auto block = std::make_shared<ConvolutionBlock>(
        shape, BlockOptions{channels, hyper.integer("kernel"), hyper.integer("padding"),
                            hyper.boolean("batch_norm"), hyper.boolean("pool")});
    shape = block->out_shape();
    if (shape.height < 1 || shape.width < 1) {
      throw input_error(
          "{}: no pixel is left of a {} x {} image after block {}; take fewer blocks or a smaller kernel",
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
