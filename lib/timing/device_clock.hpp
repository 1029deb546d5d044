// Relates CUDA events to the host's steady clock, without ever synchronising the streams of others: about
// once a second an event is recorded on a stream that holds nothing else, and the host reads its clock before
// it does so and after it has seen it. All that is compared (marks of phases, NCCL's operations, staged
// copies) is related in this one way, so that what errors there are do not move one against the other. Only
// in builds with CUDA.
#pragma once

#include <memory>
#include <mutex>

#include "timing/clock.hpp"
#include "timing/cuda_event.hpp"

namespace lockstep {

// One moment on both clocks.
struct ClockAnchor {
  CudaEvent event{cudaEventBlockingSync};
  SteadyTime host;
  SteadyTime::duration error{};  // bound of the difference between the two, some microseconds
  double rate = 1;               // seconds of the host's clock in one of the device's
  // When `event`, which has happened, did so.
  SteadyTime when(const CudaEvent& event) const;
};

class DeviceClock {
 public:
  // The current device's: one for all in this process, so that what they read of it agrees. The first call
  // takes up to a tenth of a second.
  static std::shared_ptr<DeviceClock> shared();
  ~DeviceClock();
  DeviceClock(const DeviceClock&) = delete;
  DeviceClock& operator=(const DeviceClock&) = delete;
  // The latest anchor, which has happened; renewed first when it is old: the clocks drift, and CUDA gives
  // differences as float milliseconds. Costs some 10 us then, and nothing otherwise.
  std::shared_ptr<const ClockAnchor> anchor();

 private:
  DeviceClock();
  std::shared_ptr<ClockAnchor> take(SteadyTime::duration patience, SteadyTime::duration time);
  void renew();

  cudaStream_t stream_ = nullptr;
  std::mutex mutex_;  // of what follows
  std::shared_ptr<const ClockAnchor> anchor_;
  SteadyTime first_;           // of the first anchor that is a narrow one
  double device_seconds_ = 0;  // from there to anchor_, on the device's clock
  SteadyTime renewed_;         // or tried to
};

}  // namespace lockstep
