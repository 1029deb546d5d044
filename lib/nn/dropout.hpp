// Dropout whose masks on the CPU are a pure function of seed, step, place in the model, and the sample's
// place in the global batch: N ranks mask as one does, and nothing is stored for the backward pass. On a GPU
// it is LibTorch's own.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>

#include "nn/dropout_context.hpp"
#include "nn/dropout_kernels.hpp"

namespace lockstep {

// What the masks of one forward pass follow from; row b of a batch is sample `first.sample + b`.
struct BatchMask {
  kernels::MaskKey first;
  kernels::MaskKey row(std::int64_t b) const;
};

class Dropout {
 public:
  // p: the share of elements that is zeroed, 0 <= p < 1, taken to the nearest 1/65536 on the CPU. site: this
  // place's number, distinct within the model.
  Dropout(double p, std::uint32_t site, std::shared_ptr<const DropoutContext> context);

  // x: (B, ...), one sample a row; returns the same shape. Without `training` nothing is masked.
  // Kept elements are scaled by 1 / (1 - p).
  torch::Tensor apply(const torch::Tensor& x, bool training) const;
  // apply(relu(x)); x may be overwritten.
  torch::Tensor apply_relu(torch::Tensor x, bool training) const;
  // base + apply(x); base has the shape of x.
  torch::Tensor apply_add(const torch::Tensor& x, const torch::Tensor& base, bool training) const;

  BatchMask mask() const;  // of the forward pass that the context describes
  double p() const { return p_; }

 private:
  double p_;
  std::uint32_t site_;
  std::shared_ptr<const DropoutContext> context_;
};

}  // namespace lockstep
