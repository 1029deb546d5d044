// The loops of a GRU's gates over plain fp32 memory, vectorised. No tensors, no threads.
#pragma once

#include <cstdint>
#include <span>

namespace lockstep::kernels {

// One step of one sample, H units, as torch::nn::GRU: r, z = logistic of (input + recurrent), q = recurrent's
// third, n = tanh(input's third + r q), h = (1 - z) n + z h_before. input: (3H), in the order r, z, n.
// recurrent: (3H), without its bias; bias: (3H). gates: (4H): r, z, n, q. Relative error of tanh and logistic
// below 1e-6.
void gru_cell(std::span<const float> input, std::span<const float> recurrent, std::span<const float> bias,
              std::span<const float> h_before, std::span<float> gates, std::span<float> h);

// Its backward pass. dh_step: gradient by h from this step's output; dh: from the step after, becomes what
// goes past the gates to h_before. dinput, drecurrent: (3H).
void gru_cell_backward(std::span<const float> gates, std::span<const float> h_before,
                       std::span<const float> dh_step, std::span<float> dh, std::span<float> dinput,
                       std::span<float> drecurrent);

}  // namespace lockstep::kernels
