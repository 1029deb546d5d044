#include "parallel/distributed_data_parallel.hpp"

#include <utility>

#include "base/error.hpp"
#include "parallel/initial_broadcast.hpp"

namespace lockstep {

namespace {

void require_consistent(const DistributedOptions& options) {
  if (options.hook && options.reduce_dtype)
    throw input_error("a communication hook and reduce_dtype are both given; let the hook choose the dtype");
  if (options.reduce_dtype && !torch::isFloatingType(*options.reduce_dtype))
    throw input_error("reduce_dtype is {}; take float32, float64, bfloat16 or float16",
                      c10::toString(*options.reduce_dtype));
}

ModuleReducerOptions reducer_options(const DistributedOptions& options, const torch::nn::Module& module,
                                     Communicator& communicator) {
  ModuleReducerOptions result{.bucket_sizes = options.bucket_sizes,
                              .overlap = options.overlap,
                              .reduce_dtype = options.reduce_dtype,
                              .average = options.average,
                              .static_graph = options.static_graph,
                              .hook = options.hook,
                              .after_reduction = {}};
  if (options.broadcast_buffers && !module.buffers().empty())
    result.after_reduction = [&module, &communicator] { share_buffers(module, communicator); };
  return result;
}

// The parameters of a module that is the same on all ranks.
std::vector<NamedParameter> shared_parameters(const torch::nn::Module& module, Communicator& communicator,
                                              const DistributedOptions& options) {
  require_consistent(options);
  if (communicator.size() > 1) {
    require_same_module(module, communicator);
    share_module(module, communicator);
  }
  return distinct_parameters(module);
}

}  // namespace

std::vector<NamedParameter> trainable_parameters(const torch::nn::Module& module) {
  std::vector<NamedParameter> result;
  for (NamedParameter& p : distinct_parameters(module))
    if (p.tensor.requires_grad()) result.push_back(std::move(p));
  return result;
}

void broadcast_module_buffers(const torch::nn::Module& module, Communicator& communicator) {
  share_buffers(module, communicator);
}

DistributedDataParallel::DistributedDataParallel(std::shared_ptr<torch::nn::Module> module,
                                                 Communicator& communicator,
                                                 const DistributedOptions& options)
    : module_(std::move(module)),
      communicator_(communicator),
      reducer_(shared_parameters(*module_, communicator, options), communicator,
               reducer_options(options, *module_, communicator)) {}

void DistributedDataParallel::broadcast_buffers() {
  if (communicator_.size() > 1) share_buffers(*module_, communicator_);
}

void DistributedDataParallel::broadcast_module() {
  if (communicator_.size() > 1) share_module(*module_, communicator_);
}

}  // namespace lockstep
