#include "parallel/flat_buckets.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.hpp"
#include "results/run_data.hpp"

namespace lockstep {

namespace {

constexpr std::array kReducible = {torch::kFloat32, torch::kFloat64,      torch::kBFloat16,
                                   torch::kHalf,    torch::kComplexFloat, torch::kComplexDouble};

constexpr int kTableKind = 1000;  // above all of LibTorch's types

void require_type(const NamedParameter& p, const FlatMemory& memory) {
  const torch::ScalarType type = p.tensor.scalar_type();
  if (memory.values && type != torch::kFloat32)
    throw input_error("parameter '{}' is not float32; keep parameters in float32 and compute in bf16",
                      p.name);
  if (std::find(kReducible.begin(), kReducible.end(), type) == kReducible.end())
    throw input_error(
        "parameter '{}' is {}, whose gradients cannot be reduced; convert it to float32, float64, bfloat16 "
        "or float16, or freeze it",
        p.name, c10::toString(type));
  if (p.tensor.layout() != torch::kStrided)
    throw input_error("parameter '{}' is not dense; make it dense, or freeze it", p.name);
}

void require_flattenable(const std::vector<NamedParameter>& parameters, const FlatMemory& memory) {
  if (parameters.empty()) throw input_error("the model has no parameter that requires a gradient");
  const auto device = parameters.front().tensor.device();
  for (const NamedParameter& p : parameters) {
    require_type(p, memory);
    if (p.tensor.device() != device)
      throw input_error("parameter '{}' is on {}, the others are on {}", p.name, p.tensor.device().str(),
                        device.str());
  }
}

torch::Tensor new_flat(std::int64_t elements, const torch::Tensor& like) {
  return torch::zeros({elements}, like.options().requires_grad(false));
}

const torch::Tensor& first_of(const BucketPlan::Bucket& bucket,
                              const std::vector<NamedParameter>& parameters) {
  return parameters[bucket.slots.front().parameter].tensor;
}

// A sparse gradient becomes a dense one.
void assign(torch::Tensor& view, const torch::Tensor& gradient) {
  if (gradient.is_sparse())
    view.zero_().add_(gradient);
  else
    view.copy_(gradient);
}

}  // namespace

std::int64_t part_elements(std::int64_t bucket_elements, int parts) {
  const std::int64_t lines = (bucket_elements + BucketPlan::kAlignment - 1) / BucketPlan::kAlignment;
  return (lines + parts - 1) / parts * BucketPlan::kAlignment;
}

PartRange part_range(std::int64_t bucket_elements, int parts, int part) {
  const std::int64_t length = part_elements(bucket_elements, parts);
  return {std::min(bucket_elements, length * part), std::min(bucket_elements, length * (part + 1))};
}

torch::Tensor part_of(const torch::Tensor& flat, int parts, int part) {
  const PartRange range = part_range(flat.numel(), parts, part);
  return flat.narrow(0, range.begin, range.end - range.begin);
}

torch::Tensor slot_view(const torch::Tensor& flat, const BucketPlan::Slot& slot, const torch::Tensor& like) {
  if (like.is_contiguous() || !like.is_non_overlapping_and_dense())
    return flat.narrow(0, slot.offset, like.numel()).view(like.sizes());
  return flat.as_strided(like.sizes(), like.strides(), flat.storage_offset() + slot.offset);
}

BucketTable bucket_table(const FlatBuckets& buckets) {
  BucketTable table;
  for (const BucketPlan::Bucket& bucket : buckets.plan().buckets) {
    const NamedParameter& first = buckets.parameters()[bucket.slots.front().parameter];
    table.bytes.push_back(bucket.elements * static_cast<std::int64_t>(first.tensor.element_size()));
    table.parameters.push_back(static_cast<std::int64_t>(bucket.slots.size()));
    table.first_parameter.push_back(first.name);
  }
  return table;
}

std::vector<ParameterShape> shapes_of(const std::vector<NamedParameter>& parameters) {
  std::vector<ParameterShape> shapes;
  shapes.reserve(parameters.size());
  int tables = 0;
  for (const NamedParameter& p : parameters)
    shapes.push_back({p.name, p.tensor.numel(), static_cast<int>(p.tensor.element_size()),
                      p.by_rows ? kTableKind + tables++ : static_cast<int>(p.tensor.scalar_type())});
  return shapes;
}

FlatBuckets::FlatBuckets(std::vector<NamedParameter> parameters, BucketPlan plan, FlatMemory memory)
    : parameters_(std::move(parameters)),
      plan_(std::move(plan)),
      memory_(memory),
      gradient_views_(parameters_.size()) {
  require_flattenable(parameters_, memory_);
  const torch::NoGradGuard no_grad;
  if (memory_.values) {
    move_values();
    for (NamedParameter& p : parameters_) p.tensor.mutable_grad().reset();
  }
  if (memory_.gradients) move_gradients();
}

void FlatBuckets::move_values() {
  values_.clear();
  padded_values_.clear();
  for (const BucketPlan::Bucket& bucket : plan_.buckets) {
    padded_values_.push_back(new_values(bucket.elements, first_of(bucket, parameters_)));
    values_.push_back(padded_values_.back().narrow(0, 0, bucket.elements));
    for (const BucketPlan::Slot& slot : bucket.slots) {
      torch::Tensor& tensor = parameters_[slot.parameter].tensor;
      torch::Tensor view = slot_view(values_.back(), slot, tensor);
      if (!values_in_common_ || memory_.sharers->rank() == 0) view.copy_(tensor);
      tensor.set_data(view);
    }
  }
  if (values_in_common_) memory_.sharers->barrier()->wait();
}

torch::Tensor FlatBuckets::new_values(std::int64_t elements, const torch::Tensor& like) {
  Communicator* const sharers = memory_.sharers;
  if (sharers == nullptr) return new_flat(elements, like);
  const std::int64_t padded = sharers->size() * part_elements(elements, sharers->size());
  const torch::TensorOptions options = like.options().requires_grad(false);
  const torch::Tensor common = sharers->allocate_common(padded, options);
  values_in_common_ = common.defined();
  return values_in_common_ ? common : sharers->allocate(padded, options);
}

void FlatBuckets::move_gradients() {
  messages_.clear();
  gradients_.clear();
  for (const BucketPlan::Bucket& bucket : plan_.buckets) {
    const std::int64_t passengers = &bucket == &plan_.buckets.back() ? memory_.passengers : 0;
    const torch::TensorOptions options = first_of(bucket, parameters_).options().requires_grad(false);
    const std::int64_t elements = bucket.elements + passengers;
    messages_.push_back(memory_.communicator ? memory_.communicator->allocate(elements, options)
                                             : torch::zeros({elements}, options));
    gradients_.push_back(passengers == 0 ? messages_.back() : messages_.back().narrow(0, 0, bucket.elements));
    for (const BucketPlan::Slot& slot : bucket.slots) {
      torch::Tensor& tensor = parameters_[slot.parameter].tensor;
      torch::Tensor& view = gradient_views_[slot.parameter];
      view = slot_view(gradients_.back(), slot, tensor).variable_data();
      torch::Tensor& gradient = tensor.mutable_grad();
      if (gradient.defined()) assign(view, gradient);
      if (gradient.defined() || memory_.values) gradient = view;
    }
  }
}

torch::Tensor FlatBuckets::passengers() const {
  return messages_.back().narrow(0, plan_.buckets.back().elements, memory_.passengers);
}

void FlatBuckets::relayout(BucketPlan plan) {
  const torch::NoGradGuard no_grad;
  plan_ = std::move(plan);
  if (memory_.values) move_values();
  if (memory_.gradients) move_gradients();
}

void FlatBuckets::adopt_gradient(std::size_t parameter) {
  if (!take_gradient(parameter)) parameters_[parameter].tensor.mutable_grad() = gradient_views_[parameter];
}

bool FlatBuckets::has_gradient_in_place(std::size_t parameter) const {
  const torch::Tensor& gradient = parameters_[parameter].tensor.grad();
  return gradient.defined() && gradient.layout() == torch::kStrided &&
         gradient.data_ptr() == gradient_views_[parameter].data_ptr();
}

bool FlatBuckets::take_gradient(std::size_t parameter) {
  if (has_gradient_in_place(parameter)) return true;
  torch::Tensor& gradient = parameters_[parameter].tensor.mutable_grad();
  torch::Tensor& view = gradient_views_[parameter];
  const torch::NoGradGuard no_grad;
  if (!gradient.defined()) {
    view.zero_();
    return false;
  }
  assign(view, gradient);
  gradient = view;
  return true;
}

void FlatBuckets::zero_gradients() {
  const torch::NoGradGuard no_grad;
  for (torch::Tensor& gradient : gradients_) gradient.zero_();
}

std::vector<torch::Tensor> relayout_flats(const std::vector<torch::Tensor>& flats, const BucketPlan& from,
                                          const BucketPlan& to,
                                          const std::vector<NamedParameter>& parameters) {
  std::vector<torch::Tensor> old_views(parameters.size());
  for (std::size_t b = 0; b < from.buckets.size(); ++b)
    for (const BucketPlan::Slot& slot : from.buckets[b].slots)
      old_views[slot.parameter] = slot_view(flats[b], slot, parameters[slot.parameter].tensor);
  std::vector<torch::Tensor> result;
  for (const BucketPlan::Bucket& bucket : to.buckets) {
    result.push_back(new_flat(bucket.elements, flats.front()));
    for (const BucketPlan::Slot& slot : bucket.slots)
      slot_view(result.back(), slot, parameters[slot.parameter].tensor).copy_(old_views[slot.parameter]);
  }
  return result;
}

}  // namespace lockstep
