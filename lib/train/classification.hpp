// The classification task: its loss, and what evaluation counts.
#pragma once

#include <torch/types.h>

#include <cstdint>

#include "results/run_data.hpp"

namespace lockstep {

// This rank's part of the step's mean cross-entropy: the sum over its first `samples` rows divided by
// step_samples, so that the SUM over ranks and micro batches is the mean over the global batch, whatever the
// shares. logits: (B, classes), targets: (B) int64, B >= samples; rows from `samples` on are padding and
// count for nothing. Returns (), with a graph also when samples is 0.
torch::Tensor step_loss(const torch::Tensor& logits, const torch::Tensor& targets, std::int64_t samples,
                        std::int64_t step_samples);

// What evaluation adds up on one rank, and over ranks.
struct ClassificationCounts {
  double loss_sum = 0;
  std::int64_t samples = 0;
  Matrix<std::int64_t> confusion;  // [classes, classes], rows are the true class

  double mean_loss() const;
  double accuracy() const;  // NaN without samples
};

}  // namespace lockstep
