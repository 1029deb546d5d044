#include "train/training_stream.hpp"

#ifdef LOCKSTEP_WITH_CUDA
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <array>

#include "record/current_stream.hpp"
#include "timing/cuda_event.hpp"
#endif

namespace lockstep {

#ifdef LOCKSTEP_WITH_CUDA

struct TrainingStream::Impl {
  explicit Impl(c10::Device device) : before(c10::cuda::getCurrentCUDAStream(device.index())) {
    const c10::cuda::CUDAGuard on_device(device);
    c10::cuda::device_synchronize();
    c10::cuda::setCurrentCUDAStream(c10::cuda::getStreamFromPool(/*isHighPriority=*/false, device.index()));
  }
  ~Impl() { c10::cuda::setCurrentCUDAStream(before); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  c10::cuda::CUDAStream before;
};

struct PendingCopies::Impl {
  std::array<CudaEvent, 2> events;
  std::size_t batches = 0;
};

TrainingStream::TrainingStream(c10::Device device)
    : impl_(device.is_cuda() ? std::make_unique<Impl>(device) : nullptr) {}

PendingCopies::PendingCopies(c10::Device device)
    : impl_(device.is_cuda() ? std::make_unique<Impl>() : nullptr) {}

void PendingCopies::before_next() {
  if (impl_ && impl_->batches >= 2) impl_->events[impl_->batches % 2].synchronize();
}

void PendingCopies::enqueued() {
  if (impl_) impl_->events[impl_->batches++ % 2].record(current_stream());
}

#else

struct TrainingStream::Impl {};
struct PendingCopies::Impl {};
TrainingStream::TrainingStream(c10::Device) {}
PendingCopies::PendingCopies(c10::Device) {}
void PendingCopies::before_next() {}
void PendingCopies::enqueued() {}

#endif

TrainingStream::~TrainingStream() = default;
PendingCopies::~PendingCopies() = default;

}  // namespace lockstep
