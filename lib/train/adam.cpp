#include "train/adam.hpp"

#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_adamw.h>

#ifdef LOCKSTEP_WITH_CUDA
#include <cmath>

#include "record/current_stream.hpp"
#endif

namespace lockstep {

void adam_on_cpu(const RunConfig::Optimizer& o, const AdamTensors& t, double learning_rate) {
  for (const torch::Tensor& steps : t.steps) steps.add_(1);
  if (o.name == OptimizerKind::adam)
    at::_fused_adam_(t.values, t.gradients, t.first_moments, t.second_moments, {}, t.steps, learning_rate,
                     o.beta1, o.beta2, o.weight_decay, o.eps, /*amsgrad=*/false, /*maximize=*/false);
  else
    at::_fused_adamw_(t.values, t.gradients, t.first_moments, t.second_moments, {}, t.steps, learning_rate,
                      o.beta1, o.beta2, o.weight_decay, o.eps, /*amsgrad=*/false, /*maximize=*/false);
}

#ifdef LOCKSTEP_WITH_CUDA
void adam_on_gpu(const RunConfig::Optimizer& o, const GpuUpdate& update) {
  kernels::adam_step(update.bucket,
                     {static_cast<float>(o.beta1), static_cast<float>(o.beta2), static_cast<float>(o.eps),
                      static_cast<float>(o.weight_decay), o.name == OptimizerKind::adamw},
                     update.scalars, update.clipping, current_stream());
}

kernels::UpdateScalars adam_scalars(const RunConfig::Optimizer& options, std::int64_t step,
                                    double learning_rate) {
  const auto t = static_cast<double>(step);
  return {static_cast<float>(learning_rate), static_cast<float>(1 - std::pow(options.beta1, t)),
          static_cast<float>(std::sqrt(1 - std::pow(options.beta2, t)))};
}
#endif

}  // namespace lockstep
