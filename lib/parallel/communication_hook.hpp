// CommunicationHook: replaces the all-reduce of a bucket's gradients, for example by a compressed one, one in
// several steps, or none at all.
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

// Called for one bucket after another, in the same order on every rank, during the backward pass, on autograd's
// thread and with gradient recording off. It starts the communication and returns a function that finishes it.
// That function is called at the end of the backward pass, for one bucket after another; it may communicate too,
// and leaves the sum over the ranks in `gradients`. If the mean was requested, the gradients are already divided
// by the number of ranks when the hook is called. Not called on one rank.
using CommunicationHook =
    std::function<std::function<void()>(const GradientBucket& bucket, Communicator& communicator)>;

// Sums in 16 bits: half the bytes, and the sum is rounded after each addition. The same as reduce_dtype.
CommunicationHook compress_to_fp16();
CommunicationHook compress_to_bf16();

}  // namespace lockstep
