#include "comm/device_clock.hpp"

#include <chrono>

namespace lockstep {
namespace {

// Float milliseconds up to 5 s resolve 0.5 us.
constexpr std::chrono::seconds kAnchorLife{5};

}  // namespace

SteadyTime ClockAnchor::when(const CudaEvent& other) const {
  const std::chrono::duration<double> since(other.seconds_since(event));
  return host + std::chrono::duration_cast<SteadyTime::duration>(since);
}

DeviceClock::DeviceClock() {
  int least = 0, greatest = 0;
  LOCKSTEP_CUDA_CHECK(cudaDeviceGetStreamPriorityRange(&least, &greatest));
  LOCKSTEP_CUDA_CHECK(cudaStreamCreateWithPriority(&stream_, cudaStreamNonBlocking, greatest));
  // The first event of a stream pays for setting it up.
  CudaEvent warm_up;
  warm_up.record(stream_);
  warm_up.synchronize();
  renew();
}

DeviceClock::~DeviceClock() { cudaStreamDestroy(stream_); }

void DeviceClock::renew() {
  auto anchor = std::make_shared<ClockAnchor>();
  anchor->event.record(stream_);
  anchor->host = steady_now();
  anchor_ = std::move(anchor);
}

std::shared_ptr<const ClockAnchor> DeviceClock::anchor() {
  if (steady_now() - anchor_->host > kAnchorLife) renew();
  return anchor_;
}

}  // namespace lockstep
