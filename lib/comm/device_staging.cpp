#include "comm/device_staging.hpp"

#ifdef LOCKSTEP_WITH_CUDA

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <c10/cuda/CUDAGuard.h>

namespace lockstep {
namespace {

at::Tensor pinned_like(const at::Tensor& tensor) {
  if (!tensor.defined()) return {};
  return at::empty(tensor.sizes(), tensor.options().device(at::kCPU).pinned_memory(true));
}

}  // namespace

DeviceStaging::DeviceStaging(const c10::cuda::CUDAStream& stream, const at::Tensor& load,
                             const at::Tensor& store_to)
    : stream_(stream), store_to_(store_to), host_load_(pinned_like(load)) {
  const at::NoGradGuard no_grad;
  host_store_ =
      load.defined() && store_to.defined() && load.is_same(store_to) ? host_load_ : pinned_like(store_to);
  called_.record(c10::cuda::getCurrentCUDAStream(stream.device_index()).stream());
  called_.order(stream.stream());
  const c10::cuda::CUDAStreamGuard on_stream(stream);
  if (load.defined()) host_load_.copy_(load, /*non_blocking=*/true);
  loaded_.record(stream.stream());
}

void DeviceStaging::store() {
  const at::NoGradGuard no_grad;
  const c10::cuda::CUDAStreamGuard on_stream(stream_);
  if (store_to_.defined()) store_to_.copy_(host_store_, /*non_blocking=*/true);
  stored_.record(stream_.stream());
}

void DeviceStaging::order_caller() {
  stored_.order(c10::cuda::getCurrentCUDAStream(stream_.device_index()).stream());
}

}  // namespace lockstep

#endif
