// Layer: what models are lists of. Layers know nothing of ranks, of the model around them, nor of loss
// functions.
#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <vector>

namespace lockstep {

// What flows from one layer to the next. [0] is the activation; further tensors (a padding mask) ride along.
using Flow = std::vector<torch::Tensor>;

class Layer : public torch::nn::Module {
 public:
  // Flow in, flow out; shapes are stated by each layer. Batch first everywhere.
  virtual Flow forward(Flow inputs) = 0;
  // Forward pass of one sample, a multiply and an add counted as two. Backward counts twice as much (see
  // Model).
  virtual double forward_flops() const = 0;
  // On a GPU, before each training forward pass, captured passes included: writes what the host decides for
  // the step that the dropout context describes to device memory. Most layers decide nothing.
  virtual void prepare_step() {}
  // A parameter of another layer that this one reads too (tied weights); undefined for most. It counts once,
  // among the other layer's parameters.
  virtual torch::Tensor tied_weight() const { return {}; }
  // Gives the layer a copy of its tied weight as a parameter of its own, for a split that puts the two layers
  // on different ranks: their gradients must then be summed. Without a tied weight nothing happens.
  virtual void own_tied_weight() {}
  // What forward() left for the layer behind it to finish, done: for the last layer of a (part of a) model.
  virtual Flow settled(Flow outputs) { return outputs; }
};

}  // namespace lockstep
