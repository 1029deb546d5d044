#include "train/sgd.hpp"

#include <ATen/ops/_fused_sgd.h>

#ifdef LOCKSTEP_WITH_CUDA
#include "record/current_stream.hpp"
#endif

namespace lockstep {

void sgd_on_cpu(const RunConfig::Optimizer& o, const SgdTensors& t, double learning_rate, bool first) {
  at::_fused_sgd_(t.values, t.gradients, t.momentum, o.weight_decay, o.momentum, learning_rate,
                  /*dampening=*/0, o.nesterov, /*maximize=*/false, /*is_first_step=*/first);
}

#ifdef LOCKSTEP_WITH_CUDA
void sgd_on_gpu(const RunConfig::Optimizer& o, const GpuUpdate& update) {
  kernels::sgd_step(update.bucket,
                    {static_cast<float>(o.momentum), static_cast<float>(o.weight_decay), o.nesterov},
                    update.scalars, update.clipping, current_stream());
}
#endif

}  // namespace lockstep
