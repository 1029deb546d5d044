#include "timing/device_events.hpp"

#include <cuda_runtime_api.h>

#include <utility>
#include <vector>

#include "timing/cuda_event.hpp"

namespace lockstep {

namespace {

class CudaTimeline : public DeviceTimeline {
 public:
  CudaTimeline(std::size_t slots, std::function<void*()> current_stream)
      : stream_(std::move(current_stream)), base_(cudaEventDefault) {
    // The host reads its clock right after it has seen the base event, so a device time is late by one
    // notification (some microseconds), the same for all marks: durations are exact.
    for (std::size_t i = 0; i < slots; ++i) events_.emplace_back(cudaEventDefault);
    base_.record(stream());
    base_.synchronize();
    base_time_ = steady_now();
  }

  void mark(std::size_t slot) override { events_[slot].record(stream()); }
  bool reached(std::size_t slot) override { return events_[slot].happened(); }

  SteadyTime time_of(std::size_t slot) override {
    events_[slot].synchronize();
    const double seconds = events_[slot].seconds_since(base_);
    // A float of milliseconds loses microseconds after some minutes: the base moves along with the marks.
    const SteadyTime time =
        base_time_ + std::chrono::duration_cast<SteadyTime::duration>(std::chrono::duration<double>(seconds));
    if (seconds > kRebaseSeconds) {
      std::swap(base_, events_[slot]);
      base_time_ = time;
    }
    return time;
  }

 private:
  static constexpr double kRebaseSeconds = 1;
  cudaStream_t stream() const { return static_cast<cudaStream_t>(stream_()); }

  std::function<void*()> stream_;
  CudaEvent base_;
  std::vector<CudaEvent> events_;
  SteadyTime base_time_;
};

}  // namespace

std::unique_ptr<DeviceTimeline> make_cuda_timeline(std::size_t slots, std::function<void*()> current_stream) {
  return std::make_unique<CudaTimeline>(slots, std::move(current_stream));
}

}  // namespace lockstep
