// Adam (Kingma and Ba 2015) and AdamW (Loshchilov and Hutter 2019) over flat tensors: with LibTorch's fused
// kernels on the CPU, with those of lib/kernels on a GPU. In place; without amsgrad.
#pragma once

#include <torch/types.h>

#include "config/run_config.hpp"
#include "train/gpu_update.hpp"

namespace lockstep {

// By bucket, fp32 and contiguous. steps: (1) each, those taken before this one.
struct AdamTensors {
  at::TensorList values, gradients, first_moments, second_moments, steps;
};

// Adds one to each of steps.
void adam_on_cpu(const RunConfig::Optimizer& options, const AdamTensors& tensors, double learning_rate);

#ifdef LOCKSTEP_WITH_CUDA
// Of one bucket; only enqueued, so it can be captured.
void adam_on_gpu(const RunConfig::Optimizer& options, const GpuUpdate& update);
// The scalars that step number n, from 1, uses.
kernels::UpdateScalars adam_scalars(const RunConfig::Optimizer& options, std::int64_t step,
                                    double learning_rate);
#endif

}  // namespace lockstep
