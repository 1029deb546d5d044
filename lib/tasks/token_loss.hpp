// Softmax and negative log-likelihood of classes, of tokens above all, on a GPU in one kernel
// (lib/kernels/cross_entropy), without logits in fp32 nor probabilities beside them.
//
// For a build with CUDA alone: to be called under `if constexpr (token_loss::kBuilt)`, where takes() says so.
#pragma once

#include <torch/types.h>

#include <cstdint>

#include "base/device_mark.hpp"

namespace lockstep::token_loss {

#ifdef LOCKSTEP_WITH_CUDA
inline constexpr bool kBuilt = true;
#else
inline constexpr bool kBuilt = false;
#endif

// Logits (..., V) on a GPU, in bf16 or fp32, whose rows are evenly apart.
bool takes(const torch::Tensor& logits);

struct Options {
  double scale;                 // of each row's loss
  std::int64_t real_rows;       // rows from there on count for nothing
  std::int64_t ignored = -100;  // nor do rows of this target
  MarkOffer* mark = nullptr;    // taken, where there is one: written when the loss is there
};

// The scaled sum over the rows of -log softmax(logits)[target], () fp32. targets: (...) int64, on the same
// device; one outside [0, V) makes the loss NaN. Where a gradient is wanted it takes the place of the logits
// at once: nobody may read them afterwards.
torch::Tensor share(const torch::Tensor& logits, const torch::Tensor& targets, const Options& options);

}  // namespace lockstep::token_loss
