#include "parallel/flat_buckets.hpp"

#include <utility>

#include "base/error.hpp"

namespace lockstep {

namespace {

void require_flattenable(const std::vector<NamedParameter>& parameters) {
  if (parameters.empty()) throw input_error("the model has no parameter that requires a gradient");
  const auto device = parameters.front().tensor.device();
  for (const NamedParameter& p : parameters) {
    if (p.tensor.scalar_type() != torch::kFloat32)
      throw input_error("parameter '{}' is not float32; keep parameters in float32 and compute in bf16",
                        p.name);
    if (p.tensor.device() != device)
      throw input_error("parameter '{}' is on {}, the others are on {}", p.name, p.tensor.device().str(),
                        device.str());
  }
}

torch::Tensor new_flat(const BucketPlan::Bucket& bucket, const torch::Tensor& like) {
  return torch::zeros({bucket.elements}, like.options().requires_grad(false));
}

}  // namespace

torch::Tensor slot_view(const torch::Tensor& flat, const BucketPlan::Slot& slot, const torch::Tensor& like) {
  return flat.narrow(0, slot.offset, like.numel()).view(like.sizes());
}

std::vector<ParameterShape> shapes_of(const std::vector<NamedParameter>& parameters) {
  std::vector<ParameterShape> shapes;
  shapes.reserve(parameters.size());
  for (const NamedParameter& p : parameters) shapes.push_back({p.name, p.tensor.numel()});
  return shapes;
}

FlatBuckets::FlatBuckets(std::vector<NamedParameter> parameters, BucketPlan plan)
    : parameters_(std::move(parameters)), plan_(std::move(plan)), gradient_views_(parameters_.size()) {
  require_flattenable(parameters_);
  const torch::NoGradGuard no_grad;
  for (const BucketPlan::Bucket& bucket : plan_.buckets) {
    values_.push_back(new_flat(bucket, parameters_.front().tensor));
    gradients_.push_back(new_flat(bucket, parameters_.front().tensor));
    for (const BucketPlan::Slot& slot : bucket.slots) {
      torch::Tensor& tensor = parameters_[slot.parameter].tensor;
      torch::Tensor view = slot_view(values_.back(), slot, tensor);
      view.copy_(tensor);
      tensor.set_data(view);
    }
  }
  point_gradients();
}

void FlatBuckets::point_gradients() {
  for (std::size_t b = 0; b < plan_.buckets.size(); ++b) {
    for (const BucketPlan::Slot& slot : plan_.buckets[b].slots) {
      torch::Tensor& tensor = parameters_[slot.parameter].tensor;
      gradient_views_[slot.parameter] = slot_view(gradients_[b], slot, tensor);
      tensor.mutable_grad() = gradient_views_[slot.parameter];
    }
  }
}

void FlatBuckets::relayout(BucketPlan plan) {
  const torch::NoGradGuard no_grad;
  values_ = relayout_flats(values_, plan_, plan, parameters_);
  for (std::size_t b = 0; b < plan.buckets.size(); ++b)
    for (const BucketPlan::Slot& slot : plan.buckets[b].slots) {
      torch::Tensor& tensor = parameters_[slot.parameter].tensor;
      tensor.set_data(slot_view(values_[b], slot, tensor));
    }
  gradients_ = relayout_flats(gradients_, plan_, plan, parameters_);
  plan_ = std::move(plan);
  point_gradients();
}

void FlatBuckets::adopt_gradient(std::size_t parameter) {
  torch::Tensor& gradient = parameters_[parameter].tensor.mutable_grad();
  torch::Tensor& view = gradient_views_[parameter];
  if (gradient.defined() && gradient.data_ptr() == view.data_ptr()) return;
  const torch::NoGradGuard no_grad;
  if (gradient.defined())
    view.copy_(gradient);
  else
    view.zero_();
  gradient = view;
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
    result.push_back(new_flat(bucket, flats.front()));
    for (const BucketPlan::Slot& slot : bucket.slots)
      slot_view(result.back(), slot, parameters[slot.parameter].tensor).copy_(old_views[slot.parameter]);
  }
  return result;
}

}  // namespace lockstep
