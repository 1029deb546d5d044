#include "timing/device_events.hpp"

#include <cuda_runtime.h>

#include <utility>
#include <vector>

#include "base/error.hpp"

namespace lockstep {

namespace {

void check(cudaError_t status, const char* call) {
  if (status != cudaSuccess) throw run_error("{} failed: {}", call, cudaGetErrorString(status));
}
#define LOCKSTEP_CUDA_CHECK(call) check((call), #call)

class Event {
 public:
  Event() { LOCKSTEP_CUDA_CHECK(cudaEventCreate(&event_)); }
  ~Event() {
    if (event_) cudaEventDestroy(event_);
  }
  Event(Event&& other) noexcept : event_(std::exchange(other.event_, nullptr)) {}
  Event& operator=(Event&& other) noexcept {
    std::swap(event_, other.event_);
    return *this;
  }
  cudaEvent_t get() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

class CudaTimeline : public DeviceTimeline {
 public:
  CudaTimeline(std::size_t slots, std::function<void*()> current_stream)
      : stream_(std::move(current_stream)), events_(slots) {
    // The host reads its clock right after it has seen the base event, so a device time is late by one
    // notification (some microseconds), the same for all marks: durations are exact.
    LOCKSTEP_CUDA_CHECK(cudaEventRecord(base_.get(), stream()));
    LOCKSTEP_CUDA_CHECK(cudaEventSynchronize(base_.get()));
    base_time_ = steady_now();
  }

  void mark(std::size_t slot) override {
    LOCKSTEP_CUDA_CHECK(cudaEventRecord(events_[slot].get(), stream()));
  }

  bool reached(std::size_t slot) override {
    const cudaError_t status = cudaEventQuery(events_[slot].get());
    if (status == cudaErrorNotReady) return false;
    check(status, "cudaEventQuery");
    return true;
  }

  SteadyTime time_of(std::size_t slot) override {
    LOCKSTEP_CUDA_CHECK(cudaEventSynchronize(events_[slot].get()));
    float milliseconds = 0;
    LOCKSTEP_CUDA_CHECK(cudaEventElapsedTime(&milliseconds, base_.get(), events_[slot].get()));
    // A float of milliseconds loses microseconds after some minutes: the base moves along with the marks.
    const SteadyTime time = base_time_ + std::chrono::duration_cast<SteadyTime::duration>(
                                             std::chrono::duration<double, std::milli>(milliseconds));
    if (milliseconds > kRebaseMilliseconds) {
      std::swap(base_, events_[slot]);
      base_time_ = time;
    }
    return time;
  }

 private:
  static constexpr float kRebaseMilliseconds = 1000;
  cudaStream_t stream() const { return static_cast<cudaStream_t>(stream_()); }

  std::function<void*()> stream_;
  Event base_;
  std::vector<Event> events_;
  SteadyTime base_time_;
};

}  // namespace

std::unique_ptr<DeviceTimeline> make_cuda_timeline(std::size_t slots, std::function<void*()> current_stream) {
  return std::make_unique<CudaTimeline>(slots, std::move(current_stream));
}

}  // namespace lockstep
