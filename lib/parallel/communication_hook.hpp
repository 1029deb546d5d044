// CommunicationHook: how the gradients of a bucket are summed over the ranks, where it is not the plain
// all-reduce: compressed, in steps, or not at all.
#pragma once

#include <torch/types.h>

#include <cstddef>
#include <functional>
#include <vector>

#include "comm/communicator.hpp"

namespace lockstep {

struct GradientBucket {
  std::size_t index = 0;             // in launch order; the layout changes once, after the first step
  torch::Tensor gradients;           // (elements), contiguous and real, with padding that is zero
  std::vector<torch::Tensor> views;  // the same memory by parameter, each of the parameter's shape
};

// Called for one bucket after the other, in the same order on every rank, while the backward pass goes on, on
// autograd's thread and without gradients being recorded. It starts the communication and returns what ends
// it. That is called at the end of the backward pass, for one bucket after the other, may communicate as
// well, and leaves the sum over the ranks in `gradients`. Where the mean was asked for they are already
// divided by the number of ranks. Not called on one rank.
using CommunicationHook =
    std::function<std::function<void()>(const GradientBucket& bucket, Communicator& communicator)>;

// Sums in 16 bits: half the bytes, and the sum is rounded after each addition. The same as reduce_dtype.
CommunicationHook compress_to_fp16();
CommunicationHook compress_to_bf16();

}  // namespace lockstep
