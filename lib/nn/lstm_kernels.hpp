// The loops of an LSTM's gates over plain fp32 memory, vectorised. No tensors, no threads.
#pragma once

#include <cstdint>
#include <span>

namespace lockstep::kernels {

// One step of one sample, H units: i, f, o = logistic, g = tanh of (input + recurrent), each (4H) in the
// order i, f, g, o of torch::nn::LSTM; c = f c_before + i g; h = o tanh(c). gates: (4H), the activated four;
// may be `input`. Relative error of tanh and logistic below 1e-6.
void lstm_cell(std::span<const float> input, std::span<const float> recurrent,
               std::span<const float> c_before, std::span<float> gates, std::span<float> c,
               std::span<float> h);

// Its backward pass. dh_step and dh_later: gradient by h, from this step's output and from the step after;
// dc: by c, from the step after, becomes that by c_before. dgates: (4H), by input + recurrent.
void lstm_cell_backward(std::span<const float> gates, std::span<const float> c,
                        std::span<const float> c_before, std::span<const float> dh_step,
                        std::span<const float> dh_later, std::span<float> dc, std::span<float> dgates);

}  // namespace lockstep::kernels
