// One layer of an LSTM over sequences of unequal lengths that are packed: samples by falling length, all
// first steps, then all second steps, and so on, so that a padded position is neither read nor computed. On
// the CPU the steps can be taken a few at a time, for a decoder that reads what it wrote. Not a layer of a
// model.
#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>

#include "nn/packing.hpp"

namespace lockstep {

// What the steps taken so far have left; N is the sum of the rows.
struct LstmTrace {
  torch::Tensor gates;  // (N, 4H): i, f, g, o
  torch::Tensor c, h;   // (N, H)
  std::int64_t steps = 0;
};

// Names, shapes and order of torch::nn::LSTM's layer 0; the initial weights are the caller's.
class LstmCells : public torch::nn::Module {
 public:
  LstmCells(std::int64_t in, std::int64_t units);

  struct State {
    torch::Tensor h, c;  // (B, H)
  };
  struct Output {
    torch::Tensor h;  // (N, H)
    State last;       // of each sample, after its own last step
  };

  // x: (N, in), packed. state: before the first step; undefined for zeros. taken: steps that take() has
  // computed from the same inputs and need not be computed again, or null. With gradients by x, the state and
  // the weights. On a GPU, and where the weights are not fp32, all rows must be equal: else forward_padded.
  Output forward(const torch::Tensor& x, const StepRows& rows, const State& state,
                 const LstmTrace* taken = nullptr) const;

  // Whether forward() takes packed rows of x: on the CPU, with weights in fp32.
  bool takes_packed(const torch::Tensor& x) const;

  // x: (T, B, in), padded; live: (T, B, 1) bool, which samples have the step; undefined: all. From zeros, or
  // from `state`. Output's h is (T B, H).
  Output forward_padded(const torch::Tensor& x, const State& state, const torch::Tensor& live) const;

  // Takes the steps that follow trace.steps, as many as x, (n B, in), holds of B samples each, without
  // gradients; on the CPU in fp32. An empty trace is made for `steps` of them. Returns their h as a view (n
  // B, H).
  torch::Tensor take(const torch::Tensor& x, const State& state, std::int64_t steps, LstmTrace& trace) const;

  double step_flops() const;  // of one sample

 private:
  std::int64_t units_;
  torch::Tensor weight_ih_, weight_hh_, bias_ih_, bias_hh_;  // (4H, in), (4H, H), (4H), (4H)
};

}  // namespace lockstep
