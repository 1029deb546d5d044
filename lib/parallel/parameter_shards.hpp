// ParameterShards: the part of every bucket that this rank updates, where each rank updates one (stage 1 of ZeRO,
// Rajbhandari et al. 2020; for stage 2 see GradientShards), and how all ranks then come to have all parameters. It
// knows nothing of optimizers: what one keeps for its parts has their layout.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "comm/communicator.hpp"
#include "parallel/flat_buckets.hpp"
#include "parallel/gradient_shards.hpp"
#include "parallel/work_log.hpp"

namespace lockstep {

class ParameterShards {
 public:
  // buckets: with FlatMemory::sharers = &communicator. gradients: null where the buckets have all of them. log
  // (optional) receives the Works of launch(); all outlive it.
  ParameterShards(const FlatBuckets& buckets, const GradientShards* gradients, Communicator& communicator,
                  WorkLog* log);

  // This rank's part of each bucket, without padding; (0) where the bucket ends before it. A part begins and, but
  // at the bucket's end, ends with a cache line, so that vector kernels round there as in the whole bucket.
  const std::vector<torch::Tensor>& values() const { return values_; }
  const std::vector<torch::Tensor>& gradients() const { return gradients_; }
  // After FlatBuckets::relayout, and that of the GradientShards.
  void adopt_layout();

  // Collective. After this rank has updated its values: asks for those of the others, which, where all have the values
  // in common, are there when all have come.
  void launch();
  // When it returns they are there (CUDA over NCCL: in stream order).
  void wait();

  // Collective. The whole bucket, (elements), of which each rank has its part.
  torch::Tensor gather(const torch::Tensor& part, std::int64_t elements) const;
  // What of a parameter's values, in its shape, belongs to this rank's parts is copied there.
  void take_part(std::size_t parameter, const torch::Tensor& values,
                 const std::vector<torch::Tensor>& parts) const;
  // Collective. Parts by another plan of the same parameters, laid out as the parts are now. A bucket at a time is
  // held whole.
  std::vector<torch::Tensor> relayout(const std::vector<torch::Tensor>& parts, const BucketPlan& from) const;

 private:
  const FlatBuckets& buckets_;
  const GradientShards* reduced_;
  Communicator& communicator_;
  WorkLog* log_;
  std::vector<torch::Tensor> padded_, values_, gradients_;  // by bucket, this rank's part
  std::vector<WorkPtr> works_;
};

}  // namespace lockstep
