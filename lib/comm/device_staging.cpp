#include "comm/device_staging.hpp"

#ifdef LOCKSTEP_WITH_CUDA

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <c10/cuda/CUDAFunctions.h>

#include <algorithm>
#include <bit>

namespace lockstep {
namespace {

// Sizes recur from step to step; of texts of any length they do so in powers of two.
std::size_t capacity_for(const at::Tensor& tensor) {
  return tensor.defined() ? std::bit_ceil(std::max<std::size_t>(tensor.nbytes(), 256)) : 0;
}

bool in_place(const at::Tensor& load, const at::Tensor& store_to) {
  return load.defined() && store_to.defined() && load.is_same(store_to);
}

at::Tensor pinned(std::size_t bytes) {
  return at::empty({static_cast<std::int64_t>(bytes)},
                   at::TensorOptions().dtype(at::kByte).device(at::kCPU).pinned_memory(true));
}

at::Tensor host_like(const at::Tensor& tensor, const at::Tensor& bytes) {
  return at::from_blob(bytes.data_ptr(), tensor.sizes(), at::TensorOptions().dtype(tensor.dtype()));
}

}  // namespace

StagingPool::StagingPool(c10::DeviceIndex index)
    : device(index),
      to_host(c10::cuda::getStreamFromPool(/*isHighPriority=*/true, index)),
      to_device(c10::cuda::getStreamFromPool(/*isHighPriority=*/true, index)) {}

StagingPool::Slot StagingPool::take(std::size_t load, std::size_t store) {
  {
    const std::lock_guard lock(mutex_);
    std::vector<Slot>& slots = free_[{load, store}];
    // Its last copy to the device may still read what an operation left in it.
    const auto idle =
        std::find_if(slots.begin(), slots.end(), [](const Slot& s) { return s.stored.happened(); });
    if (idle != slots.end()) {
      Slot slot = std::move(*idle);
      slots.erase(idle);
      return slot;
    }
  }
  Slot slot;
  slot.capacity[0] = load;
  slot.capacity[1] = store;
  for (int side = 0; side < 2; ++side)
    if (slot.capacity[side] > 0) slot.bytes[side] = pinned(slot.capacity[side]);
  return slot;
}

void StagingPool::give_back(Slot slot) {
  const std::lock_guard lock(mutex_);
  free_[{slot.capacity[0], slot.capacity[1]}].push_back(std::move(slot));
}

DeviceStaging::DeviceStaging(std::shared_ptr<StagingPool> pool, const at::Tensor& load,
                             const at::Tensor& store_to)
    : pool_(std::move(pool)),
      anchor_(pool_->clock->anchor()),
      slot_(pool_->take(capacity_for(load), in_place(load, store_to) ? 0 : capacity_for(store_to))),
      store_to_(store_to) {
  if (load.defined()) host_load_ = host_like(load, slot_.bytes[0]);
  if (store_to.defined())
    host_store_ = in_place(load, store_to) ? host_load_ : host_like(store_to, slot_.bytes[1]);
  slot_.called.record(c10::cuda::getCurrentCUDAStream(pool_->device).stream());
  if (!load.defined()) return;
  const cudaStream_t stream = pool_->to_host.stream();
  slot_.called.order(stream);
  LOCKSTEP_CUDA_CHECK(
      cudaMemcpyAsync(host_load_.data_ptr(), load.data_ptr(), load.nbytes(), cudaMemcpyDeviceToHost, stream));
  slot_.loaded.record(stream);
}

DeviceStaging::~DeviceStaging() { pool_->give_back(std::move(slot_)); }

void DeviceStaging::attend() const { c10::cuda::set_device(pool_->device); }

void DeviceStaging::store() {
  if (!store_to_.defined()) return;
  const cudaStream_t stream = pool_->to_device.stream();
  slot_.called.order(stream);  // what the tensor's memory held before may still be in use
  LOCKSTEP_CUDA_CHECK(cudaMemcpyAsync(store_to_.data_ptr(), host_store_.data_ptr(), store_to_.nbytes(),
                                      cudaMemcpyHostToDevice, stream));
  slot_.stored.record(stream);
}

void DeviceStaging::order_caller() const {
  if (store_to_.defined()) slot_.stored.order(c10::cuda::getCurrentCUDAStream(pool_->device).stream());
}

SteadyTime DeviceStaging::stored(SteadyTime otherwise) const {
  if (!store_to_.defined()) return otherwise;
  slot_.stored.synchronize();
  return anchor_->when(slot_.stored);
}

}  // namespace lockstep

#endif
