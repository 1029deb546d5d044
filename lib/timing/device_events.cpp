#include "timing/device_events.hpp"

#include <cuda_runtime_api.h>

#include <chrono>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "timing/device_clock.hpp"

namespace lockstep {

namespace {

// A word of page-locked memory.
class PinnedWord {
 public:
  PinnedWord() { LOCKSTEP_CUDA_CHECK(cudaHostAlloc(reinterpret_cast<void**>(&word_), sizeof *word_, 0)); }
  ~PinnedWord() { cudaFreeHost(word_); }
  PinnedWord(const PinnedWord&) = delete;
  PinnedWord& operator=(const PinnedWord&) = delete;
  std::uint64_t* get() const { return word_; }

 private:
  std::uint64_t* word_ = nullptr;
};

std::int64_t nanoseconds(double seconds) { return std::llround(seconds * 1e9); }

// A stream that nobody else enqueues on.
class OwnStream {
 public:
  OwnStream() { LOCKSTEP_CUDA_CHECK(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking)); }
  ~OwnStream() { cudaStreamDestroy(stream_); }
  OwnStream(const OwnStream&) = delete;
  OwnStream& operator=(const OwnStream&) = delete;
  cudaStream_t get() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

// Relates what the device's timer shows to the clock's anchors. Events are times of the same timer, so they
// are compared at the start, and again after a gap for which CUDA gives the time between two too coarsely.
class StampClock {
 public:
  StampClock(std::shared_ptr<const ClockAnchor> anchor, StampAt stamp) : stamp_(std::move(stamp)) {
    compare(anchor, std::numeric_limits<double>::infinity());
    anchor_ = std::move(anchor);
  }

  SteadyTime when(std::uint64_t stamp, const std::shared_ptr<const ClockAnchor>& anchor) {
    if (anchor != anchor_) follow(anchor);
    const double seconds = 1e-9 * static_cast<double>(static_cast<std::int64_t>(stamp - zero_));
    return anchor_->host + std::chrono::duration_cast<SteadyTime::duration>(
                               std::chrono::duration<double>(seconds * anchor_->rate));
  }

 private:
  static constexpr int kTries = 32;
  static constexpr double kLongGap = 4, kNarrow = 10e-6;  // seconds

  void follow(const std::shared_ptr<const ClockAnchor>& anchor) {
    const double gap = anchor->event.seconds_since(anchor_->event);
    if (gap < kLongGap || !compare(anchor, kNarrow)) zero_ += static_cast<std::uint64_t>(nanoseconds(gap));
    anchor_ = anchor;
  }

  // By the stamp that two events enclose most narrowly. Whether they come within `widest` of each other.
  bool compare(const std::shared_ptr<const ClockAnchor>& anchor, double widest) {
    bool found = false;
    for (int i = 0; i < kTries; ++i) {
      before_.record(stream_.get());
      stamp_(word_.get(), stream_.get());
      after_.record(stream_.get());
      after_.synchronize();
      const double width = after_.seconds_since(before_);
      if (width >= widest) continue;
      widest = width;
      found = true;
      zero_ = *word_.get() -
              static_cast<std::uint64_t>(nanoseconds(before_.seconds_since(anchor->event) + width / 2));
    }
    return found;
  }

  StampAt stamp_;
  OwnStream stream_;
  PinnedWord word_;
  CudaEvent before_{cudaEventDefault}, after_{cudaEventDefault};
  std::shared_ptr<const ClockAnchor> anchor_;
  std::uint64_t zero_ = 0;  // what the timer showed when the anchor's event happened
};

class CudaTimeline : public DeviceTimeline {
 public:
  CudaTimeline(std::size_t slots, std::function<void*()> current_stream, const StampAt& stamp)
      : stream_(std::move(current_stream)) {
    for (std::size_t i = 0; i < slots; ++i) events_.emplace_back(cudaEventDefault);
    if (stamp) stamps_.emplace(clock_->anchor(), stamp);
  }

  void mark(std::size_t slot) override { events_[slot].record(stream()); }
  bool reached(std::size_t slot) override { return events_[slot].happened(); }

  SteadyTime time_of(std::size_t slot) override {
    events_[slot].synchronize();
    return clock_->anchor()->when(events_[slot]);
  }
  SteadyTime time_of_stamp(std::uint64_t stamp) override { return stamps_->when(stamp, clock_->anchor()); }

 private:
  cudaStream_t stream() const { return static_cast<cudaStream_t>(stream_()); }

  std::function<void*()> stream_;
  std::shared_ptr<DeviceClock> clock_ = DeviceClock::shared();
  std::vector<CudaEvent> events_;
  std::optional<StampClock> stamps_;
};

}  // namespace

std::unique_ptr<DeviceTimeline> make_cuda_timeline(std::size_t slots, std::function<void*()> current_stream,
                                                   const StampAt& stamp) {
  return std::make_unique<CudaTimeline>(slots, std::move(current_stream), stamp);
}

}  // namespace lockstep
