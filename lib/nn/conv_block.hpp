// Convolution blocks of any model for images.
#pragma once

#include <torch/nn/modules/conv.h>

#include "nn/batch_norm.hpp"
#include "nn/layer.hpp"

namespace lockstep {

struct FeatureShape {
  std::int64_t channels, height, width;
};

// Of a sample of images, (channels, height, width).
FeatureShape image_shape(const std::vector<std::int64_t>& sample_shape);

struct BlockOptions {
  std::int64_t channels, kernel, padding;
  bool batch_norm, pool;
};

// Convolution, batch normalisation where asked for, ReLU, and max pooling by 2 where asked for: (B, C, H, W)
// -> (B, channels, H', W'), H' = H + 2 padding - kernel + 1, halved (rounded down) when pooling.
class ConvolutionBlock : public Layer {
 public:
  ConvolutionBlock(const FeatureShape& in, const BlockOptions& options);
  Flow forward(Flow inputs) override;
  double forward_flops() const override;
  FeatureShape out_shape() const;

 private:
  FeatureShape convolution_shape() const;

  BlockOptions options_;
  FeatureShape in_;
  torch::nn::Conv2d conv_;
  std::shared_ptr<BatchNorm2dImpl> norm_;
};

}  // namespace lockstep
