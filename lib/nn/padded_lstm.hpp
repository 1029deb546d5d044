// An LSTM layer over padded sequences, step by step, as a GPU takes it: nothing is read back, so that it can
// be captured. Also for types that the CPU's own loops (lstm_steps) do not compute.
#pragma once

#include <torch/types.h>

namespace lockstep {

struct PaddedLstmInput {
  torch::Tensor x;       // (T, B, in)
  torch::Tensor h0, c0;  // (B, H)
  torch::Tensor weight_ih, weight_hh, bias_ih, bias_hh;
  torch::Tensor
      live;  // (T, B, 1) bool: which samples have the step; undefined: all. Later ones keep the state.
};

struct PaddedLstmOutput {
  torch::Tensor h;               // (T, B, H); at steps that a sample has not, its last
  torch::Tensor last_h, last_c;  // (B, H): after each sample's last step
};

// With gradients by all floating-point inputs. All of one type, or, under autocast on a GPU, taken to its.
PaddedLstmOutput padded_lstm(const PaddedLstmInput& input);

}  // namespace lockstep
