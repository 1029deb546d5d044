// DistributedDataParallel for LibTorch: wraps any torch::nn::Module whose parameters are on one device.
//
//   auto net = std::make_shared<MyNet>();                       // the same architecture on every rank
//   lockstep::DistributedDataParallel ddp(net, *communicator);  // all ranks now hold rank 0's weights
//   torch::optim::AdamW optimizer(net->parameters());
//   optimizer.zero_grad();
//   net->forward(mine).backward();  // on return the gradients are the mean over the ranks
//   optimizer.step();
//
// Gradients are reduced in flat buckets while backward goes on. Every rank runs the same number of backward
// passes; to accumulate several, guard all but the last with no_sync(), and where the ranks have unequal
// numbers of batches see Join. docs/ddp.md says what differs from PyTorch's class, and what errors mean.
//
// What may change after wrapping, in the same way on every rank and between two steps: values (loading a
// file), requires_grad, dtype and device. Not: adding, removing or replacing parameters; wrap anew then.
//
// Threads: one thread at a time uses a wrapper; its backward passes may run on autograd's threads. Wrappers
// may share a communicator if every rank runs their backward passes in the same order; where one backward
// pass goes through two wrapped modules and not in the same order on every rank, give each a communicator of
// its own. A wrapper may be destroyed while others live; the module stays usable, and can be wrapped again.
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
  bool overlap = true;            // reduce while backward goes on; false: at its end
  // On the wire and in the sum, for all gradients: kFloat32, kFloat64, kBFloat16 or kHalf. Each gradient's
  // own dtype where it is not given.
  std::optional<torch::ScalarType> reduce_dtype = std::nullopt;
  bool average = true;            // the mean over the ranks; false: the sum
  bool broadcast_buffers = true;  // rank 0's buffers to all at the end of each reduced backward pass
  // Every backward pass uses the same parameters, equally often: gradients that come several times (reentrant
  // checkpointing) or never are then reduced while backward goes on too. Another graph is an error.
  bool static_graph = false;
  CommunicationHook hook = {};  // in place of the all-reduce; not with reduce_dtype
};

class DistributedDataParallel {
 public:
  // Collective: all ranks. The communicator outlives the wrapper. Error(bad_input), the same on every rank,
  // where the ranks' modules differ; and where a parameter cannot be reduced or belongs to another wrapper.
  DistributedDataParallel(std::shared_ptr<torch::nn::Module> module, Communicator& communicator,
                          const DistributedOptions& options = {});

  // While it lives, backward passes only accumulate; then as before it. Not collective, but the same on every
  // rank.
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

  // Makes every gradient undefined, as the optimizer's and the module's zero_grad() do; those work as well,
  // also with set_to_none = false. A parameter to which no rank's passes give a gradient has none afterwards,
  // and no optimizer touches it.
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
