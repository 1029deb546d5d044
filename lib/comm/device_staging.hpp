// Carries the device tensors of one mpi operation through pinned host memory, on a stream of the
// communicator's own. In a build without CUDA there are no device tensors, and every member does nothing.
#pragma once

#include <ATen/core/Tensor.h>

#ifdef LOCKSTEP_WITH_CUDA
#include <c10/cuda/CUDAStream.h>

#include "timing/cuda_event.hpp"
#endif

namespace lockstep {

#ifdef LOCKSTEP_WITH_CUDA

class DeviceStaging {
 public:
  // On the caller's thread: enqueues the copy of `load` (may be undefined) to the host, behind what the
  // caller's current stream holds. What store() writes back is `store_to` (may be undefined; may be `load`
  // itself).
  DeviceStaging(const c10::cuda::CUDAStream& stream, const at::Tensor& load, const at::Tensor& store_to);

  const at::Tensor& host_loaded() const { return host_load_; }
  const at::Tensor& host_stored() const { return host_store_; }

  // On the communication thread. Blocks until the caller's stream has come to the call.
  void wait_ready() { called_.synchronize(); }
  // Blocks until the host copy is there.
  void wait_loaded() { loaded_.synchronize(); }
  // Enqueues the copy of the result to the device.
  void store();
  // On the caller's thread, after store: its current stream waits for the result.
  void order_caller();

 private:
  c10::cuda::CUDAStream stream_;
  at::Tensor store_to_;
  at::Tensor host_load_, host_store_;
  CudaEvent called_, loaded_, stored_;
};

#else

class DeviceStaging {
 public:
  void wait_ready() {}
  void wait_loaded() {}
  void store() {}
  void order_caller() {}
};

#endif

}  // namespace lockstep
