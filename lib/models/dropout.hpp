// Dropout whose masks on the CPU are a pure function of seed, step, place in the model, and the sample's
// place in the global batch: N ranks mask as one does. On a GPU it is LibTorch's own.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>

#include "models/dropout_context.hpp"

namespace lockstep {

class Dropout {
 public:
  // p: the share of elements that is zeroed, 0 <= p < 1. site: this place's number, distinct within the
  // model.
  Dropout(double p, std::uint32_t site, std::shared_ptr<const DropoutContext> context);

  // x: (B, ...), one sample a row; the same shape. Kept elements are scaled by 1 / (1 - p). Only for
  // training.
  torch::Tensor operator()(const torch::Tensor& x) const;

  double p() const { return p_; }

 private:
  double p_;
  std::uint32_t site_;
  std::shared_ptr<const DropoutContext> context_;
};

}  // namespace lockstep
