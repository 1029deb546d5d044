// GELU in the tanh approximation that GPT-2 uses (Hendrycks and Gimpel 2016, section 2):
// 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))). Not a module.
#pragma once

#include <torch/types.h>

namespace lockstep {

// Any shape; with its gradient. On the CPU in fp32 a vectorised loop, elsewhere LibTorch's.
torch::Tensor gelu_tanh(const torch::Tensor& x);

}  // namespace lockstep
