// FlatOptimizer: SGD, Adam and AdamW (sgd.hpp, adam.hpp), one call per step over the flat buckets, and their
// state. On a GPU everything that differs from step to step is read from device memory, so that apply() can
// be captured and replayed.
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

  // Before apply(), once a step: counts it, and on a GPU enqueues what it computes with. Never captured.
  void begin_step(double learning_rate);
  // The update, in place, with the gradient scaled down to max_norm where its norm (1) is larger; max_norm 0:
  // not. What the gradients are afterwards is unspecified; they are not zeroed.
  void apply(const torch::Tensor& norm, double max_norm);
  // Both, unclipped.
  void step(double learning_rate) {
    begin_step(learning_rate);
    apply({}, 0);
  }

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
  bool on_gpu() const { return !buckets_.values().empty() && buckets_.values().front().is_cuda(); }
  void apply_on_gpu(const torch::Tensor& norm, double max_norm);

  RunConfig::Optimizer options_;
  FlatBuckets& buckets_;
  std::vector<torch::Tensor>
      first_moments_;  // by bucket: Adam's, or SGD's momentum; empty when there is none
  std::vector<torch::Tensor> second_moments_;  // by bucket: Adam's
  std::vector<torch::Tensor> step_counts_;  // on the CPU, by bucket, (1) fp32: what LibTorch's kernels expect
  torch::Tensor scalars_;                   // on a GPU: kernels::UpdateScalars as fp32
  double learning_rate_ = 0;
  std::int64_t steps_ = 0;
};

}  // namespace lockstep
