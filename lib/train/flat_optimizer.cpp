#include "train/flat_optimizer.hpp"

#include <utility>

#include "train/adam.hpp"
#include "train/sgd.hpp"

#ifdef LOCKSTEP_WITH_CUDA
#include "kernels/norm.hpp"
#include "kernels/set_bytes.hpp"
#include "record/current_stream.hpp"
#endif

namespace lockstep {

namespace {

constexpr const char *kFirst = "first_moment", *kSecond = "second_moment";

#ifdef LOCKSTEP_WITH_CUDA
torch::Tensor norm_on_gpu(const std::vector<torch::Tensor>& gradients, DeviceMark mark) {
  std::int64_t count = 0;
  for (const torch::Tensor& g : gradients) count += kernels::square_sum_count(g.numel());
  const auto options = gradients.front().options();
  const torch::Tensor sums = torch::empty({count}, options.dtype(torch::kFloat64));
  double* next = sums.data_ptr<double>();
  for (const torch::Tensor& g : gradients) {
    kernels::square_sums(g.const_data_ptr<float>(), g.numel(), next, std::exchange(mark, {}),
                         current_stream());
    next += kernels::square_sum_count(g.numel());
  }
  torch::Tensor norm = torch::empty({1}, options);
  kernels::root_of_sums(sums.const_data_ptr<double>(), count, norm.data_ptr<float>(), current_stream());
  return norm;
}

float* data_of(const std::vector<torch::Tensor>& tensors, std::size_t i) {
  return tensors.empty() ? nullptr : tensors[i].data_ptr<float>();
}

#endif

}  // namespace

FlatOptimizer::FlatOptimizer(const RunConfig::Optimizer& options, FlatBuckets& buckets,
                             const ParameterShards* shards, const NormShare& norm)
    : options_(options), buckets_(buckets), shards_(shards), norm_(norm) {
  allocate_moments();
}

int moments_of(const RunConfig::Optimizer& options) {
  if (options.name != OptimizerKind::sgd) return 2;
  return options.momentum > 0 ? 1 : 0;
}

void FlatOptimizer::allocate_moments() {
  const int moments = moments_of(options_);
  const bool adaptive = moments == 2;
  if (on_gpu()) scalars_ = torch::zeros({3}, buckets_.values().front().options());
  for (const torch::Tensor& values : this->values()) {
    if (moments > 0) first_moments_.push_back(torch::zeros_like(values));
    if (adaptive) second_moments_.push_back(torch::zeros_like(values));
    if (adaptive && !on_gpu()) step_counts_.push_back(torch::zeros({1}, values.options()));
  }
}

torch::Tensor FlatOptimizer::gradient_norm([[maybe_unused]] const DeviceMark& mark) const {
  const torch::NoGradGuard no_grad;
#ifdef LOCKSTEP_WITH_CUDA
  if (on_gpu()) return norm_on_gpu(norm_.own_part ? shards_->gradients() : buckets_.gradients(), mark);
#endif
  std::vector<torch::Tensor> norms;
  norms.reserve(buckets_.gradients().size() * static_cast<std::size_t>(norm_.own_part ? 1 : norm_.parts));
  const auto add = [&](const torch::Tensor& part) {
    norms.push_back(at::linalg_vector_norm(part).view({1}));
  };
  if (norm_.own_part) {
    for (const torch::Tensor& part : shards_->gradients()) add(part);
    return at::cat(norms);
  }
  for (int part = 0; part < norm_.parts; ++part)
    for (const torch::Tensor& gradient : buckets_.gradients()) add(part_of(gradient, norm_.parts, part));
  if (norms.empty()) return torch::zeros({1});
  return norms.size() == 1 ? norms.front() : at::linalg_vector_norm(at::cat(norms)).view({1});
}

void FlatOptimizer::clip_gradient(const torch::Tensor& norm, double max_norm) {
  const torch::NoGradGuard no_grad;
  // As torch.nn.utils.clip_grad_norm_: the small term keeps a zero gradient from dividing by zero.
  const torch::Tensor scale = (max_norm / (norm + 1e-6)).clamp_max(1.0);
  for (const torch::Tensor& gradient : gradients()) gradient.mul_(scale);
}

void FlatOptimizer::begin_step(double learning_rate) {
  ++steps_;
  learning_rate_ = learning_rate;
#ifdef LOCKSTEP_WITH_CUDA
  if (!on_gpu()) return;
  const kernels::UpdateScalars values = adam_scalars(options_, steps_, learning_rate);
  kernels::set_bytes(scalars_.data_ptr(), &values, sizeof values, current_stream());
#endif
}

void FlatOptimizer::apply(const torch::Tensor& norm, double max_norm) {
  const torch::NoGradGuard no_grad;
  if (on_gpu()) return apply_on_gpu(norm, max_norm);
  const at::TensorList values(this->values()), gradients(this->gradients());
  if (values.empty()) return;  // a stage without parameters
  if (max_norm > 0) clip_gradient(norm, max_norm);
  if (options_.name == OptimizerKind::sgd)
    sgd_on_cpu(options_, {values, gradients, first_moments_}, learning_rate_, /*first=*/steps_ == 1);
  else
    adam_on_cpu(options_, {values, gradients, first_moments_, second_moments_, step_counts_}, learning_rate_);
}

#ifdef LOCKSTEP_WITH_CUDA
void FlatOptimizer::apply_on_gpu(const torch::Tensor& norm, double max_norm) {
  kernels::Clipping clipping;
  if (max_norm > 0) clipping = {norm.const_data_ptr<float>(), static_cast<float>(max_norm)};
  const auto* const scalars = reinterpret_cast<const kernels::UpdateScalars*>(scalars_.data_ptr<float>());
  const auto step = options_.name == OptimizerKind::sgd ? sgd_on_gpu : adam_on_gpu;
  for (std::size_t b = 0; b < values().size(); ++b) {
    if (values()[b].numel() == 0) continue;  // of a bucket too small for this rank
    step(options_, {.bucket = {values()[b].data_ptr<float>(), gradients()[b].const_data_ptr<float>(),
                               data_of(first_moments_, b), data_of(second_moments_, b), values()[b].numel()},
                    .scalars = scalars,
                    .clipping = clipping});
  }
}
#else
void FlatOptimizer::apply_on_gpu(const torch::Tensor&, double) {}  // a build without CUDA has no such tensors
#endif

void FlatOptimizer::relayout(const BucketPlan& from) {
  const auto move = [&](std::vector<torch::Tensor>& moments) {
    if (!moments.empty()) moments = laid_out(moments, from);
  };
  move(first_moments_);
  move(second_moments_);
  if (!step_counts_.empty()) {
    const torch::Tensor count = step_counts_.front();
    step_counts_.clear();
    for (std::size_t b = 0; b < buckets_.plan().buckets.size(); ++b) step_counts_.push_back(count.clone());
  }
}

std::vector<torch::Tensor> FlatOptimizer::laid_out(const std::vector<torch::Tensor>& moments,
                                                   const BucketPlan& from) const {
  if (shards_) return shards_->relayout(moments, from);
  return relayout_flats(moments, from, buckets_.plan(), buckets_.parameters());
}

std::int64_t FlatOptimizer::state_bytes() const {
  std::int64_t bytes = 0;
  for (const auto* moments : {&first_moments_, &second_moments_})
    for (const torch::Tensor& flat : *moments) bytes += static_cast<std::int64_t>(flat.nbytes());
  return bytes;
}

std::vector<FlatOptimizer::Moment> FlatOptimizer::moments(bool wanted) const {
  std::vector<Moment> result;
  const BucketPlan& plan = buckets_.plan();
  const auto add = [&](const char* name, const std::vector<torch::Tensor>& moments) {
    for (std::size_t b = 0; b < moments.size(); ++b) {
      const torch::Tensor flat = shards_ ? shards_->gather(moments[b], plan.buckets[b].elements) : moments[b];
      if (!wanted) continue;
      for (const BucketPlan::Slot& slot : plan.buckets[b].slots) {
        const NamedParameter& p = buckets_.parameters()[slot.parameter];
        result.push_back({name, p.name, slot_view(flat, slot, p.tensor)});
      }
    }
  };
  add(kFirst, first_moments_);
  add(kSecond, second_moments_);
  return result;
}

void FlatOptimizer::restore(const std::function<void(const Moment&)>& read) {
  if (!shards_) {
    for (const Moment& moment : moments()) read(moment);
    return;
  }
  const auto restore_parts = [&](const char* name, const std::vector<torch::Tensor>& parts) {
    for (std::size_t p = 0; p < buckets_.parameters().size() && !parts.empty(); ++p) {
      const NamedParameter& parameter = buckets_.parameters()[p];
      const torch::Tensor whole = torch::empty(parameter.tensor.sizes(), parts.front().options());
      read({name, parameter.name, whole});
      shards_->take_part(p, whole, parts);
    }
  };
  restore_parts(kFirst, first_moments_);
  restore_parts(kSecond, second_moments_);
}

void FlatOptimizer::set_steps(std::int64_t steps) {
  steps_ = steps;
  for (torch::Tensor& count : step_counts_) count.fill_(static_cast<double>(steps));
}

}  // namespace lockstep
