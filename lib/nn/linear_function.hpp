// A linear map that takes the faster of LibTorch's two matrix libraries on the CPU. Not a module.
#pragma once

#include <torch/types.h>

namespace lockstep {

enum class Activation { none, relu };

// x: (..., in), weight: (out, in), bias: (out) or undefined. Returns (..., out): at::linear and the activation, with
// their gradients; those of weight and bias are added in place where there is a gradient to add to. Under autocast,
// on a GPU and without own_kernels() it is at::linear and at::relu_.
torch::Tensor fast_linear(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias,
                          Activation activation = Activation::none);

// x (rows, in) times weight (out, in) transposed, without gradients: (rows, out). Both may be strided views.
torch::Tensor fast_product(const torch::Tensor& x, const torch::Tensor& weight);

// A weight (out, in) that is multiplied many times by few rows, laid out once for the library where that
// pays. Reads the weight as it was when this was made.
class PackedWeight {
 public:
  // products: how many there will be, of about `rows` rows each.
  PackedWeight(const torch::Tensor& weight, std::int64_t rows, std::int64_t products);

  // x: (n, in), any n. Returns (n, out): fast_product(x, weight). Any thread may call it.
  torch::Tensor times(const torch::Tensor& x) const;

 private:
  torch::Tensor weight_;
  bool packed_ = false;
};

}  // namespace lockstep
