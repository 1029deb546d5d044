// One optimizer step over one flat bucket in one launch, with what changes from step to step read from device
// memory, so that a captured step can be replayed. LibTorch's fused kernels take a bucket as one tensor of a
// list, which gives a small model a handful of blocks; these fill the card.
//
// All pointers are device memory of the stream's device; count: elements, any number. Nothing blocks the
// host.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace lockstep::kernels {

// Device memory, written before each step. The corrections are Adam's (Kingma and Ba 2015, algorithm 1), with
// t counted from 1: 1 - beta1^t and sqrt(1 - beta2^t).
struct UpdateScalars {
  float learning_rate;
  float correction1;
  float sqrt_correction2;
};

struct FlatBucket {
  float* values;
  const float* gradients;
  float* first_moment;   // Adam's, or SGD's momentum; null: none
  float* second_moment;  // Adam's
  std::int64_t count;
};

// Scales the gradient as it is read by min(1, max_norm / (norm + 1e-6)), as torch.nn.utils.clip_grad_norm_
// does.
struct Clipping {
  const float* norm = nullptr;  // (1); null: not
  float max_norm = 0;
};

struct AdamOptions {
  float beta1, beta2, eps, weight_decay;
  bool decoupled;  // AdamW (Loshchilov and Hutter 2019)
};

struct SgdOptions {
  float momentum, weight_decay;
  bool nesterov;
};

void adam_step(const FlatBucket& bucket, const AdamOptions& options, const UpdateScalars* scalars,
               const Clipping& clipping, cudaStream_t stream);
// Momentum buffers begin as zeros; without dampening.
void sgd_step(const FlatBucket& bucket, const SgdOptions& options, const UpdateScalars* scalars,
              const Clipping& clipping, cudaStream_t stream);

}  // namespace lockstep::kernels
