// FlatOptimizer: SGD, Adam and AdamW (sgd.hpp, adam.hpp), one call per step over the flat buckets, and their
// state. On a GPU everything that differs from step to step is read from device memory, so that apply() can
// be captured and replayed.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/device_mark.hpp"
#include "config/run_config.hpp"
#include "parallel/flat_buckets.hpp"
#include "parallel/parameter_shards.hpp"

namespace lockstep {

// Tensors of a parameter's size that the optimizer keeps: 0 for SGD, 1 with momentum, 2 for Adam and AdamW.
int moments_of(const RunConfig::Optimizer& options);

// How a gradient's norm is added up: on the CPU from those of so many parts of each bucket, as ParameterShards cuts them.
// Ranks that take one part each then come to the same bits as one that takes all.
struct NormShare {
  int parts = 1;
  bool own_part = false;  // this rank takes that of its shards alone; false: all of them
};

class FlatOptimizer {
 public:
  // buckets, and shards of them, outlive the optimizer. With shards it steps on this rank's part of each bucket,
  // and keeps the state of no other.
  FlatOptimizer(const RunConfig::Optimizer& options, FlatBuckets& buckets,
                const ParameterShards* shards = nullptr, const NormShare& norm = {});

  // 2-norm of the gradient in the buckets, (1) on its device; where this rank takes one part, that of its part: on the
  // CPU (buckets), of each. Nothing is read back to the host. mark: for a GPU, written at the begin.
  torch::Tensor gradient_norm(const DeviceMark& mark = {}) const;
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

  // After FlatBuckets::relayout: lays the moments out as the buckets now are. Collective with shards.
  void relayout(const BucketPlan& from);
  std::int64_t state_bytes() const;  // of the moments, on this rank

  // The state, for checkpoints: the moments by parameter, and the steps taken.
  struct Moment {
    std::string name;       // "first_moment"
    std::string parameter;  // its name
    torch::Tensor values;
  };
  // Views; with shards collective, and copies. wanted: whether this rank asks for them; where not, none.
  std::vector<Moment> moments(bool wanted = true) const;
  // Calls read for each parameter's moments, to set their values. Not collective.
  void restore(const std::function<void(const Moment&)>& read);
  std::int64_t steps() const { return steps_; }
  void set_steps(std::int64_t steps);

 private:
  void allocate_moments();
  bool on_gpu() const { return !buckets_.values().empty() && buckets_.values().front().is_cuda(); }
  void apply_on_gpu(const torch::Tensor& norm, double max_norm);
  // What it steps on, by bucket.
  const std::vector<torch::Tensor>& values() const { return shards_ ? shards_->values() : buckets_.values(); }
  const std::vector<torch::Tensor>& gradients() const {
    return shards_ ? shards_->gradients() : buckets_.gradients();
  }
  std::vector<torch::Tensor> laid_out(const std::vector<torch::Tensor>& moments,
                                      const BucketPlan& from) const;

  RunConfig::Optimizer options_;
  FlatBuckets& buckets_;
  const ParameterShards* shards_;  // null: it steps on everything
  NormShare norm_;
  std::vector<torch::Tensor>
      first_moments_;  // by bucket: Adam's, or SGD's momentum; empty when there is none
  std::vector<torch::Tensor> second_moments_;  // by bucket: Adam's
  std::vector<torch::Tensor> step_counts_;  // on the CPU, by bucket, (1) fp32: what LibTorch's kernels expect
  torch::Tensor scalars_;                   // on a GPU: kernels::UpdateScalars as fp32
  double learning_rate_ = 0;
  std::int64_t steps_ = 0;
};

}  // namespace lockstep
