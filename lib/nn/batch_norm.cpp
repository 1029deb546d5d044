#include "nn/batch_norm.hpp"

namespace lockstep {

BatchNorm2dImpl::BatchNorm2dImpl(std::int64_t channels)
    : weight(register_parameter("weight", torch::ones({channels}))),
      bias(register_parameter("bias", torch::zeros({channels}))),
      running_mean(register_buffer("running_mean", torch::zeros({channels}))),
      running_var(register_buffer("running_var", torch::ones({channels}))),
      num_batches_tracked(register_buffer("num_batches_tracked", torch::zeros({}, torch::kInt64))) {}

torch::Tensor BatchNorm2dImpl::forward(const torch::Tensor& x) {
  if (is_training() && training_forward_) return training_forward_(x, *this);
  if (is_training()) num_batches_tracked.add_(1);
  return at::batch_norm(x, weight, bias, running_mean, running_var, is_training(), momentum, eps,
                        /*cudnn_enabled=*/true);
}

}  // namespace lockstep
