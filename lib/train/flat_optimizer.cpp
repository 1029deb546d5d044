#include "train/flat_optimizer.hpp"

#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/_fused_sgd.h>

namespace lockstep {

FlatOptimizer::FlatOptimizer(const RunConfig::Optimizer& options, FlatBuckets& buckets)
    : options_(options), buckets_(buckets) {
  allocate_moments();
}

int moments_of(const RunConfig::Optimizer& options) {
  if (options.name != OptimizerKind::sgd) return 2;
  return options.momentum > 0 ? 1 : 0;
}

void FlatOptimizer::allocate_moments() {
  const int moments = moments_of(options_);
  const bool adaptive = moments == 2;
  for (const torch::Tensor& values : buckets_.values()) {
    if (moments > 0) first_moments_.push_back(torch::zeros_like(values));
    if (adaptive) second_moments_.push_back(torch::zeros_like(values));
    if (adaptive) step_counts_.push_back(torch::zeros({1}, values.options()));
  }
}

torch::Tensor FlatOptimizer::gradient_norm() const {
  const torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> norms;
  norms.reserve(buckets_.gradients().size());
  for (const torch::Tensor& gradient : buckets_.gradients())
    norms.push_back(at::linalg_vector_norm(gradient).view({1}));
  if (norms.empty()) return torch::zeros({1});
  return norms.size() == 1 ? norms.front() : at::linalg_vector_norm(at::cat(norms)).view({1});
}

void FlatOptimizer::clip_gradient(const torch::Tensor& norm, double max_norm) {
  const torch::NoGradGuard no_grad;
  // As torch.nn.utils.clip_grad_norm_: the small term keeps a zero gradient from dividing by zero.
  const torch::Tensor scale = (max_norm / (norm + 1e-6)).clamp_max(1.0);
  for (const torch::Tensor& gradient : buckets_.gradients()) gradient.mul_(scale);
}

void FlatOptimizer::step(double learning_rate) {
  const torch::NoGradGuard no_grad;
  const at::TensorList values(buckets_.values()), gradients(buckets_.gradients());
  ++steps_;
  if (values.empty()) return;  // a stage without parameters
  if (options_.name == OptimizerKind::sgd) {
    at::_fused_sgd_(values, gradients, first_moments_, options_.weight_decay, options_.momentum,
                    learning_rate,
                    /*dampening=*/0, options_.nesterov, /*maximize=*/false, /*is_first_step=*/steps_ == 1);
    return;
  }
  for (torch::Tensor& count : step_counts_) count.add_(1);
  const auto& o = options_;
  if (o.name == OptimizerKind::adam)
    at::_fused_adam_(values, gradients, first_moments_, second_moments_, {}, step_counts_, learning_rate,
                     o.beta1, o.beta2, o.weight_decay, o.eps, /*amsgrad=*/false, /*maximize=*/false);
  else
    at::_fused_adamw_(values, gradients, first_moments_, second_moments_, {}, step_counts_, learning_rate,
                      o.beta1, o.beta2, o.weight_decay, o.eps, /*amsgrad=*/false, /*maximize=*/false);
}

void FlatOptimizer::relayout(const BucketPlan& from) {
  const auto move = [&](std::vector<torch::Tensor>& moments) {
    if (!moments.empty()) moments = relayout_flats(moments, from, buckets_.plan(), buckets_.parameters());
  };
  move(first_moments_);
  move(second_moments_);
  if (!step_counts_.empty()) {
    const torch::Tensor count = step_counts_.front();
    step_counts_.clear();
    for (std::size_t b = 0; b < buckets_.plan().buckets.size(); ++b) step_counts_.push_back(count.clone());
  }
}

std::vector<FlatOptimizer::Moment> FlatOptimizer::moments() const {
  std::vector<Moment> result;
  const BucketPlan& plan = buckets_.plan();
  const auto add = [&](const char* name, const std::vector<torch::Tensor>& moments) {
    for (std::size_t b = 0; b < moments.size(); ++b)
      for (const BucketPlan::Slot& slot : plan.buckets[b].slots) {
        const NamedParameter& p = buckets_.parameters()[slot.parameter];
        result.push_back({name, p.name, slot_view(moments[b], slot, p.tensor)});
      }
  };
  add("first_moment", first_moments_);
  add("second_moment", second_moments_);
  return result;
}

void FlatOptimizer::set_steps(std::int64_t steps) {
  steps_ = steps;
  for (torch::Tensor& count : step_counts_) count.fill_(static_cast<double>(steps));
}

}  // namespace lockstep
