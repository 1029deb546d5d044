#include "parallel/gradient_shards.hpp"

#include <ATen/ops/_foreach_copy.h>

#include <algorithm>

namespace lockstep {

GradientShards::GradientShards(const FlatBuckets& buckets, Communicator& communicator, torch::ScalarType wire,
                               bool communicates)
    : buckets_(buckets), communicator_(communicator), wire_(wire), communicates_(communicates) {
  adopt_layout();
}

void GradientShards::adopt_layout() {
  received_.clear();
  gradients_.clear();
  buffers_.fill({});  // freed before others are made
  release();
  const int parts = communicator_.size(), mine = communicator_.rank();
  const torch::TensorOptions options = buckets_.values().front().options();
  for (std::size_t b = 0; b < buckets_.plan().buckets.size(); ++b) {
    const std::int64_t elements = buckets_.plan().buckets[b].elements,
                       length = part_elements(elements, parts);
    const PartRange range = part_range(elements, parts, mine);
    received_.push_back(torch::zeros({length}, options.dtype(wire_)));
    gradients_.push_back(wire_ == torch::kFloat32 ? received_.back().narrow(0, 0, range.end - range.begin)
                                                  : torch::zeros({range.end - range.begin}, options));
  }
  const auto elements = buffer_elements(buckets_.plan(), parts);
  for (std::size_t i = 0; i < kBuffers; ++i)
    buffers_[i] = communicator_.allocate(elements[i], options.dtype(wire_));
}

torch::Tensor GradientShards::buffer_of(std::size_t bucket) const {
  const std::int64_t elements = buckets_.plan().buckets[bucket].elements;
  return buffers_[bucket % kBuffers].narrow(
      0, 0, communicator_.size() * part_elements(elements, communicator_.size()));
}

std::array<std::int64_t, GradientShards::kBuffers> GradientShards::buffer_elements(const BucketPlan& plan,
                                                                                   int ranks) {
  std::array<std::int64_t, kBuffers> largest{};
  for (std::size_t b = 0; b < plan.buckets.size(); ++b) {
    std::int64_t& elements = largest[b % kBuffers];
    elements = std::max(elements, ranks * part_elements(plan.buckets[b].elements, ranks));
  }
  return largest;
}

std::int64_t GradientShards::bytes(const BucketPlan& plan, int ranks, torch::ScalarType wire) {
  std::int64_t parts = 0;
  for (const BucketPlan::Bucket& bucket : plan.buckets) parts += part_elements(bucket.elements, ranks);
  std::int64_t on_the_way = parts;
  for (const std::int64_t elements : buffer_elements(plan, ranks)) on_the_way += elements;
  const auto size_of = [](torch::ScalarType type) {
    return static_cast<std::int64_t>(c10::elementSize(type));
  };
  const std::int64_t beside = wire == torch::kFloat32 ? 0 : parts * size_of(torch::kFloat32);
  return on_the_way * size_of(wire) + beside;
}

void GradientShards::unblock(std::size_t bucket) {
  WorkPtr& user = users_[bucket % kBuffers];
  if (user) user->wait();
  user = nullptr;
}

WorkPtr GradientShards::launch(std::size_t bucket, double scale) {
  const torch::Tensor buffer = buffer_of(bucket);
  const std::vector<BucketPlan::Slot>& slots = buckets_.plan().buckets[bucket].slots;
  const auto gradient_of = [this](const BucketPlan::Slot& slot) -> torch::Tensor& {
    return torch::Tensor(buckets_.parameters()[slot.parameter].tensor).mutable_grad();
  };
  std::vector<torch::Tensor> places, gradients;
  std::int64_t covered = 0;
  for (const BucketPlan::Slot& slot : slots) {
    const torch::Tensor& gradient = gradient_of(slot);
    if (!gradient.defined()) continue;
    places.push_back(slot_view(buffer, slot, buckets_.parameters()[slot.parameter].tensor));
    gradients.push_back(gradient);
    covered += gradient.numel();
  }
  // What an earlier bucket has left between the gradients would become part of the norm.
  if (covered < buffer.numel()) torch::Tensor(buffer).zero_();
  if (!places.empty()) at::_foreach_copy_(places, gradients);
  if (scale != 1) torch::Tensor(buffer).mul_(scale);
  for (const BucketPlan::Slot& slot : slots) gradient_of(slot).reset();
  if (!communicates_) {
    const std::int64_t length = received_[bucket].numel();
    received_[bucket].copy_(buffer.narrow(0, communicator_.rank() * length, length));
    receive(bucket);
    return nullptr;
  }
  const WorkPtr work = communicator_.reduce_scatter(received_[bucket], buffer);
  users_[bucket % kBuffers] = work;
  return work;
}

void GradientShards::receive(std::size_t bucket) {
  if (wire_ == torch::kFloat32) return;
  torch::Tensor(gradients_[bucket]).copy_(received_[bucket].narrow(0, 0, gradients_[bucket].numel()));
}

}  // namespace lockstep
