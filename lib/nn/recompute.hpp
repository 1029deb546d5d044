// Gradient checkpointing: a piece of a model whose activations are not kept, but computed once more in the
// backward pass (Chen et al. 2016).
#pragma once

#include <torch/types.h>

#include <functional>
#include <memory>

#include "nn/dropout_context.hpp"

namespace lockstep {

// piece(x), of which only x and y are kept. The second computation sees what the first saw: dropout (the
// context, and on a GPU the generator's state) and autocast. Gradients go to x and to the parameters that
// `piece` reads; what `piece` refers to must outlive the backward pass. Where no gradient is wanted, or not
// by x, it is piece(x).
torch::Tensor recomputed(const std::function<torch::Tensor(const torch::Tensor&)>& piece,
                         const torch::Tensor& x, const std::shared_ptr<DropoutContext>& context);

}  // namespace lockstep
