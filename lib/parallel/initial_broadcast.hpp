// The initial broadcast of weights: what the ranks compare about a module before they train it together, and
// what is then replaced by rank 0's.
#pragma once

#include <torch/nn/module.h>

#include <vector>

#include "comm/communicator.hpp"
#include "parallel/flat_buckets.hpp"

namespace lockstep {

// Every parameter once, under the first of its names, in the order of the module; the frozen ones as well.
std::vector<NamedParameter> distinct_parameters(const torch::nn::Module& module);

// Collective. Error(bad_input), the same on every rank, that names the first parameter or buffer of which
// name, dtype, shape, strides, requires_grad, device or position differs between ranks.
void require_same_module(const torch::nn::Module& module, Communicator& communicator);
// The same for parameters alone, after they have been changed.
void require_same_parameters(const std::vector<NamedParameter>& parameters, Communicator& communicator);

// Collective. Rank 0's parameters and buffers to all, whatever their dtype and strides. Error(bad_input) that
// names the first sparse or quantised one, which cannot be sent.
void share_module(const torch::nn::Module& module, Communicator& communicator);
void share_buffers(const torch::nn::Module& module, Communicator& communicator);
// The same for parameters that lie in buckets, in one message a bucket.
void share_values(const FlatBuckets& buckets, Communicator& communicator);

}  // namespace lockstep
