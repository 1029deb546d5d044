#include "timing/device_events.hpp"

#include <cuda_runtime_api.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "timing/device_clock.hpp"

namespace lockstep {

namespace {

class CudaTimeline : public DeviceTimeline {
 public:
  CudaTimeline(std::size_t slots, std::function<void*()> current_stream)
      : stream_(std::move(current_stream)) {
    for (std::size_t i = 0; i < slots; ++i) events_.emplace_back(cudaEventDefault);
  }

  void mark(std::size_t slot) override { events_[slot].record(stream()); }
  bool reached(std::size_t slot) override { return events_[slot].happened(); }

  SteadyTime time_of(std::size_t slot) override {
    events_[slot].synchronize();
    // Marks stay in their order where the anchor that they are read by changes.
    return last_ = std::max(last_, clock_.anchor()->when(events_[slot]));
  }

 private:
  cudaStream_t stream() const { return static_cast<cudaStream_t>(stream_()); }

  std::function<void*()> stream_;
  DeviceClock clock_;
  std::vector<CudaEvent> events_;
  SteadyTime last_;
};

}  // namespace

std::unique_ptr<DeviceTimeline> make_cuda_timeline(std::size_t slots, std::function<void*()> current_stream) {
  return std::make_unique<CudaTimeline>(slots, std::move(current_stream));
}

}  // namespace lockstep
