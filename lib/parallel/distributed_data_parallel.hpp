// DistributedDataParallel for LibTorch: wraps any torch::nn::Module whose parameters are on one device.
//
//   auto net = std::make_shared<MyNet>();                       // the same architecture on every rank
//   lockstep::DistributedDataParallel ddp(net, *communicator);  // all ranks now hold rank 0's weights
//   torch::optim::AdamW optimizer(net->parameters());
//   optimizer.zero_grad();
//   net->forward(mine).backward();  // on return the gradients are the mean over the ranks
//   optimizer.step();
//
// Gradients are all-reduced in flat buckets during the backward pass. Every rank must run the same number of
// backward passes. To accumulate over several, guard all but the last with no_sync(); if the ranks have
// different numbers of batches, use Join. docs/ddp.md explains the differences from PyTorch's class, and the
// error messages.
//
// After wrapping, the following may change between two steps, in the same way on every rank: values (loading a
// file), requires_grad, dtype and device. To add, remove or replace parameters, wrap the module again.
//
// Threads: one thread at a time may use a wrapper; its backward passes may run on autograd's threads. Wrappers
// may share a communicator if every rank runs their backward passes in the same order. If one backward pass
// goes through two wrapped modules in an order that differs between ranks, give each its own communicator.
// A wrapper may be destroyed while others exist; the module stays usable and can be wrapped again.
#pragma once

#include <torch/nn/module.h>

#include <memory>
#include <optional>
#include <vector>

#include "parallel/communication_hook.hpp"
#include "parallel/module_reducer.hpp"

namespace lockstep {

struct DistributedOptions {
  BucketSizes bucket_sizes = {};  // first 1 MiB, then 25 MiB
  bool overlap = true;            // reduce during the backward pass; false: at its end
  // The dtype in which all gradients are sent and summed: kFloat32, kFloat64, kBFloat16 or kHalf. By default
  // each gradient's own.
  std::optional<torch::ScalarType> reduce_dtype = std::nullopt;
  bool average = true;            // the mean over the ranks; false: the sum
  bool broadcast_buffers = true;  // rank 0's buffers to all at the end of each reduced backward pass
  // Promises that every backward pass uses the same parameters equally often. Gradients that arrive several
  // times (reentrant checkpointing) or never can then also be reduced during the backward pass. A different
  // graph is an error.
  bool static_graph = false;
  CommunicationHook hook = {};  // in place of the all-reduce; not with reduce_dtype
};

class DistributedDataParallel {
 public:
  // Collective: all ranks. The communicator must outlive the wrapper. Error(bad_input), the same on every rank,
  // if the ranks' modules differ, or if a parameter cannot be reduced or belongs to another wrapper.
  DistributedDataParallel(std::shared_ptr<torch::nn::Module> module, Communicator& communicator,
                          const DistributedOptions& options = {});

  // While the guard exists, backward passes only accumulate; afterwards the previous state is restored. Not
  // collective, but every rank must do the same.
  class NoSync {
   public:
    explicit NoSync(ModuleReducer& reducer) : reducer_(reducer), before_(reducer.synchronising()) {
      reducer_.set_synchronising(false);
    }
    ~NoSync() { reducer_.set_synchronising(before_); }
    NoSync(const NoSync&) = delete;
    NoSync& operator=(const NoSync&) = delete;

   private:
    ModuleReducer& reducer_;
    bool before_;
  };
  [[nodiscard]] NoSync no_sync() { return NoSync(reducer_); }

  // Makes every gradient undefined, like zero_grad() of the optimizer and the module, which work as well, also
  // with set_to_none = false. A parameter that gets no gradient on any rank has none afterwards, and no
  // optimizer touches it.
  void zero_grad() { reducer_.zero_gradients(); }

  // Collective: all ranks. Rank 0's buffers (batch normalisation's running statistics) to all.
  void broadcast_buffers();
  // Collective: all ranks. Rank 0's parameters and buffers to all: after one rank has loaded others.
  void broadcast_module();

  torch::nn::Module& module() { return *module_; }
  ModuleReducer& reducer() { return reducer_; }
  Communicator& communicator() { return communicator_; }

 private:
  std::shared_ptr<torch::nn::Module> module_;
  Communicator& communicator_;
  ModuleReducer reducer_;
};

// The parameters that require a gradient, named as the module names them, each once.
std::vector<NamedParameter> trainable_parameters(const torch::nn::Module& module);

// Collective: all ranks. Rank 0's buffers of the module to all.
void broadcast_module_buffers(const torch::nn::Module& module, Communicator& communicator);

}  // namespace lockstep
