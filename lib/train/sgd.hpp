// Stochastic gradient descent with momentum over flat tensors: by LibTorch's fused kernels on the CPU, by
// those of lib/kernels on a GPU. In place; without dampening.
#pragma once

#include <torch/types.h>

#include "config/run_config.hpp"
#include "train/gpu_update.hpp"

namespace lockstep {

// By bucket, fp32 and contiguous. momentum: empty where the options have none.
struct SgdTensors {
  at::TensorList values, gradients, momentum;
};

// first: whether it is the first step, which the momentum begins with.
void sgd_on_cpu(const RunConfig::Optimizer& options, const SgdTensors& tensors, double learning_rate,
                bool first);

#ifdef LOCKSTEP_WITH_CUDA
// Of one bucket; only enqueued, so it can be captured.
void sgd_on_gpu(const RunConfig::Optimizer& options, const GpuUpdate& update);
#endif

}  // namespace lockstep
