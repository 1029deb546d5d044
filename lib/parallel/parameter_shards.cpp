#include "parallel/parameter_shards.hpp"

#include <algorithm>
#include <utility>

namespace lockstep {

ParameterShards::ParameterShards(const FlatBuckets& buckets, const GradientShards* gradients,
                                 Communicator& communicator, WorkLog* log)
    : buckets_(buckets), reduced_(gradients), communicator_(communicator), log_(log) {
  adopt_layout();
}

void ParameterShards::adopt_layout() {
  padded_.clear();
  values_.clear();
  gradients_.clear();
  for (std::size_t b = 0; b < buckets_.values().size(); ++b) {
    const int parts = communicator_.size(), mine = communicator_.rank();
    const std::int64_t length = buckets_.padded_values()[b].numel() / parts;
    padded_.push_back(buckets_.padded_values()[b].narrow(0, length * mine, length));
    values_.push_back(part_of(buckets_.values()[b], parts, mine));
    gradients_.push_back(reduced_ ? reduced_->gradients()[b] : part_of(buckets_.gradients()[b], parts, mine));
  }
  works_.reserve(padded_.size());
}

void ParameterShards::launch() {
  const auto add = [&](WorkPtr work) {
    works_.push_back(std::move(work));
    if (log_) log_->add(works_.back(), -1);
  };
  if (buckets_.values_in_common()) return add(communicator_.barrier());
  for (std::size_t b = 0; b < padded_.size(); ++b)
    add(communicator_.all_gather(buckets_.padded_values()[b], padded_[b]));
}

void ParameterShards::wait() {
  for (const WorkPtr& work : works_) work->wait();
  works_.clear();
}

torch::Tensor ParameterShards::gather(const torch::Tensor& part, std::int64_t elements) const {
  const std::int64_t length = part_elements(elements, communicator_.size());
  const torch::Tensor whole = torch::zeros({communicator_.size() * length}, part.options());
  const torch::Tensor mine = whole.narrow(0, communicator_.rank() * length, length);
  mine.narrow(0, 0, part.numel()).copy_(part);
  communicator_.all_gather(whole, mine)->wait();
  return whole.narrow(0, 0, elements);
}

void ParameterShards::take_part(std::size_t parameter, const torch::Tensor& values,
                                const std::vector<torch::Tensor>& parts) const {
  const std::size_t b = buckets_.plan().bucket_of[parameter];
  const BucketPlan::Bucket& bucket = buckets_.plan().buckets[b];
  const auto slot = std::find_if(bucket.slots.begin(), bucket.slots.end(),
                                 [&](const BucketPlan::Slot& s) { return s.parameter == parameter; });
  const PartRange mine = part_range(bucket.elements, communicator_.size(), communicator_.rank());
  const std::int64_t begin = std::max(mine.begin, slot->offset),
                     end = std::min(mine.end, slot->offset + values.numel());
  if (begin >= end) return;
  const torch::Tensor flat = torch::empty({values.numel()}, values.options());
  slot_view(flat, {parameter, 0}, buckets_.parameters()[parameter].tensor).copy_(values);
  parts[b]
      .narrow(0, begin - mine.begin, end - begin)
      .copy_(flat.narrow(0, begin - slot->offset, end - begin));
}

std::vector<torch::Tensor> ParameterShards::relayout(const std::vector<torch::Tensor>& parts,
                                                     const BucketPlan& from) const {
  std::vector<torch::Tensor> result;
  for (const torch::Tensor& values : values_) result.push_back(torch::zeros_like(values));
  for (std::size_t b = 0; b < parts.size(); ++b) {
    const torch::Tensor whole = gather(parts[b], from.buckets[b].elements);
    for (const BucketPlan::Slot& slot : from.buckets[b].slots)
      take_part(slot.parameter, slot_view(whole, slot, buckets_.parameters()[slot.parameter].tensor), result);
  }
  return result;
}

}  // namespace lockstep
