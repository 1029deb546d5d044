// Relates CUDA events to the host's steady clock, without ever synchronising: every few seconds an event is
// recorded on a stream that holds nothing else, where it happens at once (within about 10 us), beside a
// reading of the host clock. Only in builds with CUDA.
#pragma once

#include <memory>

#include "timing/clock.hpp"
#include "timing/cuda_event.hpp"

namespace lockstep {

// One moment on both clocks.
struct ClockAnchor {
  CudaEvent event{cudaEventBlockingSync};
  SteadyTime host;
  // When `event`, which has happened, did so.
  SteadyTime when(const CudaEvent& event) const;
};

class DeviceClock {
 public:
  // For the current device. Synchronises that stream of its own once.
  DeviceClock();
  ~DeviceClock();
  DeviceClock(const DeviceClock&) = delete;
  DeviceClock& operator=(const DeviceClock&) = delete;
  // The latest anchor, renewed first when it is old: the clocks drift, and CUDA gives differences as float
  // milliseconds.
  std::shared_ptr<const ClockAnchor> anchor();

 private:
  void renew();
  cudaStream_t stream_ = nullptr;
  std::shared_ptr<const ClockAnchor> anchor_;
};

}  // namespace lockstep
