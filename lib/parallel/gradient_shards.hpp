// GradientShards: of every bucket's gradient the part that this rank's optimizer steps on (stage 2 of ZeRO,
// Rajbhandari et al. 2020). The whole gradient of a bucket is there only on its way: autograd's own tensors are
// copied into one of a few buffers that all buckets share in turn, and freed; the buffer is reduce-scattered.
#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <vector>

#include "comm/communicator.hpp"
#include "parallel/flat_buckets.hpp"

namespace lockstep {

class GradientShards {
 public:
  // Collective. buckets: without memory for gradients (FlatMemory::gradients). wire: of what is sent and summed.
  // communicates: false: each rank takes its part of its own gradient. All outlive it.
  GradientShards(const FlatBuckets& buckets, Communicator& communicator, torch::ScalarType wire,
                 bool communicates);

  // This rank's part of each bucket, fp32, as ParameterShards cuts them; zeros before the first step.
  const std::vector<torch::Tensor>& gradients() const { return gradients_; }
  // Of the parts and the buffers, on each of so many ranks.
  static std::int64_t bytes(const BucketPlan& plan, int ranks, torch::ScalarType wire);
  std::int64_t bytes() const { return bytes(buckets_.plan(), communicator_.size(), wire_); }

  // Collective, after FlatBuckets::relayout.
  void adopt_layout();

  // Whether the buffer that this bucket is to use is still on its way for an earlier one; waits for that.
  bool is_blocked(std::size_t bucket) const { return users_[bucket % kBuffers] != nullptr; }
  void unblock(std::size_t bucket);
  // Collective. Takes the gradients of the bucket's parameters, which have none then; one that has none counts as
  // zeros. They are multiplied by scale and summed over the ranks. Null: nothing is sent, and the part is there.
  WorkPtr launch(std::size_t bucket, double scale);
  // After the work of launch(): the part is there.
  void receive(std::size_t bucket);
  // Between two steps: no buffer is on its way.
  void release() { users_.fill(nullptr); }

 private:
  // One is filled while another is on its way.
  static constexpr std::size_t kBuffers = 2;

  static std::array<std::int64_t, kBuffers> buffer_elements(const BucketPlan& plan, int ranks);
  // The bucket with its padding: as often as there are ranks, part_elements().
  torch::Tensor buffer_of(std::size_t bucket) const;

  const FlatBuckets& buckets_;
  Communicator& communicator_;
  torch::ScalarType wire_;
  bool communicates_;
  std::vector<torch::Tensor> received_;   // by bucket: this rank's part with its padding, as it is sent
  std::vector<torch::Tensor> gradients_;  // by bucket; views of received_ where that is fp32
  std::array<torch::Tensor, kBuffers> buffers_;
  std::array<WorkPtr, kBuffers> users_;  // by buffer: what it is on its way for
};

}  // namespace lockstep
