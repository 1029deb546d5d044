// FlatOptimizer: SGD, Adam and AdamW by LibTorch's fused kernels, one call a step over the flat buckets.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "config/run_config.hpp"
#include "parallel/flat_buckets.hpp"

namespace lockstep {

// Tensors of a parameter's size that the optimizer keeps: 0 for SGD, 1 with momentum, 2 for Adam and AdamW.
int moments_of(const RunConfig::Optimizer& options);

class FlatOptimizer {
 public:
  // buckets outlives the optimizer.
  FlatOptimizer(const RunConfig::Optimizer& options, FlatBuckets& buckets);

  // 2-norm of the gradient in the buckets, (1) on its device. Nothing is read back to the host.
  torch::Tensor gradient_norm() const;
  // Scales the gradient down to max_norm when its norm is larger. norm: (1).
  void clip_gradient(const torch::Tensor& norm, double max_norm);

  // One update in place with this learning rate. Gradients are not zeroed.
  void step(double learning_rate);

  // After FlatBuckets::relayout: lays the moments out as the buckets now are.
  void relayout(const BucketPlan& from);

  // The state, for checkpoints: views of the moments by parameter, and the steps taken.
  struct Moment {
    std::string name;       // "first_moment"
    std::string parameter;  // its name
    torch::Tensor values;
  };
  std::vector<Moment> moments() const;
  std::int64_t steps() const { return steps_; }
  void set_steps(std::int64_t steps);

 private:
  void allocate_moments();

  RunConfig::Optimizer options_;
  FlatBuckets& buckets_;
  std::vector<torch::Tensor>
      first_moments_;  // by bucket: Adam's, or SGD's momentum; empty when there is none
  std::vector<torch::Tensor> second_moments_;  // by bucket: Adam's
  std::vector<torch::Tensor> step_counts_;     // by bucket, (1) fp32: what the fused kernels expect
  std::int64_t steps_ = 0;
};

}  // namespace lockstep
