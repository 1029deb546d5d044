// DistributedDataParallel for LibTorch: wraps any torch::nn::Module whose parameters are fp32 on one device.
//
//   auto net = std::make_shared<MyNet>();                       // the same architecture on every rank
//   lockstep::DistributedDataParallel ddp(net, *communicator);  // broadcasts rank 0's weights and buffers
//   torch::optim::SGD optimizer(net->parameters(), 0.1);        // AFTER wrapping
//   loss.backward();                                            // gradients are averaged over ranks on
//   return optimizer.step(); ddp.zero_grad();
//
// Gradients are reduced in flat buckets while backward goes on. Every rank runs one backward pass a step; to
// accumulate several, guard all but the last with no_sync().
#pragma once

#include <torch/nn/module.h>

#include <memory>

#include "parallel/gradient_reducer.hpp"

namespace lockstep {

struct DistributedOptions {
  BucketSizes bucket_sizes = {};  // first 1 MiB, then 25 MiB
  bool overlap = true;
  torch::ScalarType reduce_dtype = torch::kFloat32;  // or kBFloat16, kHalf
};

class DistributedDataParallel {
 public:
  // Collective: all ranks. The communicator outlives the wrapper. Error when a parameter is not fp32 or lies
  // on another device than the rest.
  DistributedDataParallel(std::shared_ptr<torch::nn::Module> module, Communicator& communicator,
                          const DistributedOptions& options = {});

  // While it lives, backward passes only accumulate. Not collective, but the same on every rank.
  class NoSync {
   public:
    explicit NoSync(GradientReducer& reducer) : reducer_(reducer) { reducer_.set_synchronising(false); }
    ~NoSync() { reducer_.set_synchronising(true); }
    NoSync(const NoSync&) = delete;
    NoSync& operator=(const NoSync&) = delete;

   private:
    GradientReducer& reducer_;
  };
  [[nodiscard]] NoSync no_sync() { return NoSync(reducer_); }

  // Zeroes the buckets in place: cheaper than the optimizer's zero_grad(), which works as well.
  void zero_grad() { reducer_.zero_gradients(); }

  // Collective: all ranks. Rank 0's buffers (batch normalisation's running statistics) to all.
  void broadcast_buffers();

  torch::nn::Module& module() { return *module_; }
  GradientReducer& reducer() { return reducer_; }

 private:
  std::shared_ptr<torch::nn::Module> module_;
  Communicator& communicator_;
  GradientReducer reducer_;
};

// The parameters that require a gradient, named as the module names them.
std::vector<NamedParameter> trainable_parameters(const torch::nn::Module& module);

// Collective: all ranks. Rank 0's buffers of the module to all.
void broadcast_module_buffers(const torch::nn::Module& module, Communicator& communicator);

}  // namespace lockstep
