#include "nn/conv_block.hpp"

namespace lockstep {

namespace {

// One channel lies in either order at once, and LibTorch then takes the other one for all that follows; only
// a copy has strides that say which.
torch::Tensor in_channels_last(const torch::Tensor& x) {
  return x.size(1) == 1 ? x.clone(at::MemoryFormat::ChannelsLast)
                        : x.contiguous(at::MemoryFormat::ChannelsLast);
}

}  // namespace

FeatureShape image_shape(const std::vector<std::int64_t>& sample_shape) {
  return {sample_shape.at(0), sample_shape.at(1), sample_shape.at(2)};
}

ConvolutionBlock::ConvolutionBlock(const FeatureShape& in, const BlockOptions& options)
    : options_(options),
      in_(in),
      conv_(
          torch::nn::Conv2dOptions(in.channels, options.channels, options.kernel).padding(options.padding)) {
  register_module("conv", conv_);
  if (options.batch_norm)
    norm_ = register_module("norm", std::make_shared<BatchNorm2dImpl>(options.channels));
}

Flow ConvolutionBlock::forward(Flow inputs) {
  // Channels last is over twice as fast for pooling on the CPU, and no slower for the rest.
  const bool channels_last = options_.pool && inputs[0].is_cpu();
  torch::Tensor x = channels_last ? in_channels_last(inputs[0]) : inputs[0];
  x = conv_->forward(x);  // (B, channels, H + 2 padding - kernel + 1, ...)
  if (norm_) x = norm_->forward(x);
  // ReLU commutes with the maximum, and after it there is a quarter of the work.
  if (options_.pool) x = at::max_pool2d(x, 2);
  inputs[0] = x.relu_();
  return inputs;
}

double ConvolutionBlock::forward_flops() const {
  const FeatureShape convolved = convolution_shape();
  const double per_output = 2.0 * static_cast<double>(in_.channels * options_.kernel * options_.kernel);
  return per_output * static_cast<double>(convolved.channels * convolved.height * convolved.width);
}

FeatureShape ConvolutionBlock::out_shape() const {
  FeatureShape out = convolution_shape();
  if (options_.pool) out = {out.channels, out.height / 2, out.width / 2};
  return out;
}

FeatureShape ConvolutionBlock::convolution_shape() const {
  const std::int64_t grown = 2 * options_.padding - options_.kernel + 1;
  return {options_.channels, in_.height + grown, in_.width + grown};
}

}  // namespace lockstep
