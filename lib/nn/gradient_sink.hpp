// Where a backward pass of our own puts the gradient of a parameter: where one is there to be added to, into
// it, in place. Autograd would have a gradient of its own written, read and added whole.
#pragma once

#include <torch/types.h>

namespace lockstep {

// Whether the backward pass that runs adds to the gradients of leaves, all of them: autograd::grad, and a
// backward pass for some inputs alone, list those.
bool adds_to_leaves();

// In a backward pass: the gradient of a parameter, as it was given to the forward pass, where it is fp32, contiguous and
// to be added to in place; undefined where the backward pass is to return one of its own.
torch::Tensor present_gradient(const torch::Tensor& parameter);

class GradientSink {
 public:
  // To be made in the backward pass. parameter: fp32, as it was given to the forward pass.
  explicit GradientSink(const torch::Tensor& parameter);

  // fp32, contiguous, of the parameter's shape; to be added to, or, where adds() is false, to be written.
  const torch::Tensor& place() const { return place_; }
  bool adds() const { return adds_; }
  // What the backward pass returns to autograd: nothing when the gradient is in its place already. The hooks
  // of the parameter's accumulator run all the same.
  torch::Tensor result() const { return adds_ || !wanted_ ? torch::Tensor() : place_; }

 private:
  bool wanted_, adds_;
  torch::Tensor place_;
};

}  // namespace lockstep
