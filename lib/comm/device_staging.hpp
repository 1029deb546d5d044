// Stages the device tensors of one mpi operation through pinned host memory, on the communicator's own
// streams, and knows when the device reached each stage. In a build without CUDA there are no device tensors,
// and every member does nothing.
#pragma once

#include <ATen/core/Tensor.h>

#include "timing/clock.hpp"

#ifdef LOCKSTEP_WITH_CUDA
#include <c10/cuda/CUDAStream.h>

#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "timing/device_clock.hpp"
#endif

namespace lockstep {

#ifdef LOCKSTEP_WITH_CUDA

// Of a communicator and a device: the streams that copy, the clock, and what operations leave behind for
// later ones to use again, since events and pinned memory cost calls into the driver. Outlives its
// operations.
class StagingPool {
 public:
  explicit StagingPool(c10::DeviceIndex device);  // the current one

  struct Slot {
    std::size_t capacity[2] = {0, 0};  // bytes, to the host and back; 0: none
    at::Tensor bytes[2];               // pinned
    CudaEvent called{cudaEventBlockingSync}, loaded{cudaEventBlockingSync}, stored{cudaEventBlockingSync};
  };
  // With room for as many bytes; used before where one has come to its end.
  Slot take(std::size_t load, std::size_t store);
  void give_back(Slot slot);

  const c10::DeviceIndex device;
  const c10::cuda::CUDAStream to_host, to_device;
  const std::shared_ptr<DeviceClock> clock = DeviceClock::shared();

 private:
  std::mutex mutex_;
  std::map<std::pair<std::size_t, std::size_t>, std::vector<Slot>> free_;  // under mutex_
};

class DeviceStaging {
 public:
  // On the caller's thread: enqueues the copy of `load` (may be undefined) to the host, behind what the
  // caller's current stream holds. What store() writes back is `store_to` (may be undefined; may be `load`
  // itself). Both are contiguous.
  DeviceStaging(std::shared_ptr<StagingPool> pool, const at::Tensor& load, const at::Tensor& store_to);
  ~DeviceStaging();
  DeviceStaging(const DeviceStaging&) = delete;
  DeviceStaging& operator=(const DeviceStaging&) = delete;

  const at::Tensor& host_loaded() const { return host_load_; }
  const at::Tensor& host_stored() const { return host_store_; }

  // On the communication thread, first: makes the tensors' device its current one.
  void attend() const;
  // On that thread: whether there is something to copy to the host; whether the copy is complete; blocks
  // until it is.
  bool loads() const { return host_load_.defined(); }
  bool loaded() const { return slot_.loaded.happened(); }
  void wait_loaded() const { slot_.loaded.synchronize(); }
  // When the caller's stream reached the call. Valid after it has.
  SteadyTime reached() const { return anchor_->when(slot_.called); }
  // Enqueues the copy of the result to the device.
  void store();

  // On the caller's thread, after store: its current stream waits for the result.
  void order_caller() const;
  // When the result was on the device; `otherwise` if there is none. Blocks until then.
  SteadyTime stored(SteadyTime otherwise) const;

 private:
  std::shared_ptr<StagingPool> pool_;
  std::shared_ptr<const ClockAnchor> anchor_;
  StagingPool::Slot slot_;
  at::Tensor store_to_;
  at::Tensor host_load_, host_store_;
};

#else

class DeviceStaging {
 public:
  void attend() const {}
  bool loads() const { return false; }
  bool loaded() const { return true; }
  void wait_loaded() const {}
  SteadyTime reached() const { return {}; }
  void store() {}
  void order_caller() const {}
  SteadyTime stored(SteadyTime otherwise) const { return otherwise; }
};

#endif

}  // namespace lockstep
