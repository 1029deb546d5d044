// A linear map that takes the faster of LibTorch's two matrix libraries on the CPU. Not a module.
#pragma once

#include <torch/types.h>

namespace lockstep {

// x: (..., in), weight: (out, in), bias: (out) or undefined. Returns (..., out), as at::linear; with its
// gradients. Under autocast and on a GPU it is at::linear.
torch::Tensor fast_linear(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias);

// x (rows, in) times weight (out, in) transposed, without gradients: (rows, out). Both may be strided views.
torch::Tensor fast_product(const torch::Tensor& x, const torch::Tensor& weight);

}  // namespace lockstep
