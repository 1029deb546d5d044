// The loops of GELU over plain fp32 memory, vectorised. No tensors, no threads.
#pragma once

#include <span>

namespace lockstep::kernels {

// out[i] = gelu(x[i]), the tanh approximation. The same memory may be given twice.
void gelu(std::span<const float> x, std::span<float> out);

// gradient_in[i] = gradient_out[i] gelu'(x[i]).
void gelu_backward(std::span<const float> x, std::span<const float> gradient_out,
                   std::span<float> gradient_in);

}  // namespace lockstep::kernels
