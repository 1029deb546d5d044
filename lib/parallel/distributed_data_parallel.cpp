#include "parallel/distributed_data_parallel.hpp"

#include <utility>

namespace lockstep {

std::vector<NamedParameter> trainable_parameters(const torch::nn::Module& module) {
  std::vector<NamedParameter> result;
  for (const auto& item : module.named_parameters())
    if (item.value().requires_grad()) result.push_back({item.key(), item.value()});
  return result;
}

void broadcast_module_buffers(const torch::nn::Module& module, Communicator& communicator) {
  for (const auto& item : module.named_buffers())
    if (item.value().defined() && item.value().is_contiguous())
      communicator.broadcast(item.value(), 0)->wait();
}

DistributedDataParallel::DistributedDataParallel(std::shared_ptr<torch::nn::Module> module,
                                                 Communicator& communicator,
                                                 const DistributedOptions& options)
    : module_(std::move(module)),
      communicator_(communicator),
      reducer_(trainable_parameters(*module_), communicator,
               {.bucket_sizes = options.bucket_sizes,
                .overlap = options.overlap,
                .reduce_dtype = options.reduce_dtype,
                .average = true,
                .automatic_finish = true}) {
  broadcast_buffers();
}

void DistributedDataParallel::broadcast_buffers() { broadcast_module_buffers(*module_, communicator_); }

}  // namespace lockstep
