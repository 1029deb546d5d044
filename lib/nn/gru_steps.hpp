// One layer of a GRU over packed sequences on the CPU: a padded position is neither read nor computed. Not a
// layer of a model.
#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include "nn/packing.hpp"

namespace lockstep {

// Names, shapes and order of torch::nn::GRU's layer 0; the initial weights are the caller's.
class GruCells : public torch::nn::Module {
 public:
  GruCells(std::int64_t in, std::int64_t units);

  struct Output {
    torch::Tensor h;     // (N, H)
    torch::Tensor last;  // (B, H), of each sample after its own last step
  };

  // x: (N, in), packed, on the CPU; the first state is zero. With gradients by x and the weights, which are
  // fp32.
  Output forward(const torch::Tensor& x, const StepRows& rows) const;

  double step_flops() const;  // of one sample

 private:
  torch::Tensor weight_ih_, weight_hh_, bias_ih_, bias_hh_;  // (3H, in), (3H, H), (3H), (3H)
};

}  // namespace lockstep
