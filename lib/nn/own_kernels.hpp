// Whether layers compute by the kernels of this project, where there are some, or by LibTorch's operations alone:
// model.kernels. One choice for the process, so that a layer need not be told.
#pragma once

#include <torch/types.h>

namespace lockstep {

// own, until it is set otherwise; to be set before the first model is made, by one thread.
bool own_kernels();
void set_own_kernels(bool own);

// What the loops of our own on the CPU take: x there, in fp32, unless they are switched off.
bool takes_own_loops(const torch::Tensor& x);

}  // namespace lockstep
