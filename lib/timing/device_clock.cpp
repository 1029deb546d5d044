#include "timing/device_clock.hpp"

#include <algorithm>
#include <chrono>
#include <map>

namespace lockstep {
namespace {

using std::chrono::microseconds;

// Float milliseconds up to 1 s resolve 0.1 us.
constexpr std::chrono::seconds kAnchorLife{1};
// The rate follows from what both clocks have counted: before that the error of the anchors outweighs it.
constexpr double kRateSeconds = 2;
// A device that other processes use as well may take longer to come to an event.
constexpr std::chrono::milliseconds kFirstPatience{1000}, kFirstTime{100};
constexpr microseconds kLaterPatience{50}, kLaterTime{100};
constexpr microseconds kGoodError{5}, kLargestError{20};

SteadyTime::duration to_duration(double seconds) {
  return std::chrono::duration_cast<SteadyTime::duration>(std::chrono::duration<double>(seconds));
}

// While it lives this thread may ask for events although one of its streams is being captured into a graph.
class BesideCapture {
 public:
  BesideCapture() { LOCKSTEP_CUDA_CHECK(cudaThreadExchangeStreamCaptureMode(&mode_)); }
  ~BesideCapture() { cudaThreadExchangeStreamCaptureMode(&mode_); }
  BesideCapture(const BesideCapture&) = delete;
  BesideCapture& operator=(const BesideCapture&) = delete;

 private:
  cudaStreamCaptureMode mode_ = cudaStreamCaptureModeRelaxed;
};

// Whether it came to be before patience was at its end.
bool comes_within(const CudaEvent& event, SteadyTime begin, SteadyTime::duration patience) {
  while (!event.happened())
    if (steady_now() - begin > patience) return false;
  return true;
}

}  // namespace

SteadyTime ClockAnchor::when(const CudaEvent& other) const {
  return host + to_duration(other.seconds_since(event) * rate);
}

DeviceClock::DeviceClock() {
  int least = 0, greatest = 0;
  LOCKSTEP_CUDA_CHECK(cudaDeviceGetStreamPriorityRange(&least, &greatest));
  LOCKSTEP_CUDA_CHECK(cudaStreamCreateWithPriority(&stream_, cudaStreamNonBlocking, greatest));
  // The first event of a stream pays for setting it up.
  CudaEvent warm_up;
  warm_up.record(stream_);
  warm_up.synchronize();
  anchor_ = take(kFirstPatience, kFirstTime);
  if (!anchor_) throw run_error("the device did not reach an event within a second");
  first_ = renewed_ = anchor_->host;
}

DeviceClock::~DeviceClock() { cudaStreamDestroy(stream_); }

std::shared_ptr<DeviceClock> DeviceClock::shared() {
  static std::mutex mutex;
  static std::map<int, std::weak_ptr<DeviceClock>> clocks;  // by device; owns none
  int device = 0;
  LOCKSTEP_CUDA_CHECK(cudaGetDevice(&device));
  const std::lock_guard lock(mutex);
  std::shared_ptr<DeviceClock> clock = clocks[device].lock();
  if (!clock) clocks[device] = clock = std::shared_ptr<DeviceClock>(new DeviceClock);
  return clock;
}

// The first narrow reading, or after that time the narrowest; null: none in time.
std::shared_ptr<ClockAnchor> DeviceClock::take(SteadyTime::duration patience, SteadyTime::duration time) {
  std::shared_ptr<ClockAnchor> best;
  const SteadyTime begin = steady_now();
  do {
    auto anchor = std::make_shared<ClockAnchor>();
    const SteadyTime before = steady_now();
    anchor->event.record(stream_);
    if (!comes_within(anchor->event, before, patience)) return best;
    anchor->error = (steady_now() - before) / 2;
    anchor->host = before + anchor->error;
    if (!best || anchor->error < best->error) best = std::move(anchor);
  } while (best->error > kGoodError && steady_now() - begin < time);
  return best;
}

void DeviceClock::renew() {
  const BesideCapture beside;
  renewed_ = steady_now();
  const std::shared_ptr<ClockAnchor> next = take(kLaterPatience, kLaterTime);
  if (!next || next->error > std::max<SteadyTime::duration>(kLargestError, anchor_->error)) return;
  if (anchor_->error > kLargestError) {  // what the clocks have counted since says nothing of their rates
    first_ = next->host;
    device_seconds_ = 0;
  } else {
    device_seconds_ += next->event.seconds_since(anchor_->event);
  }
  const double host_seconds = seconds_between(first_, next->host);
  if (host_seconds > kRateSeconds) next->rate = host_seconds / device_seconds_;
  anchor_ = next;
}

std::shared_ptr<const ClockAnchor> DeviceClock::anchor() {
  const std::lock_guard lock(mutex_);
  if (steady_now() - renewed_ > kAnchorLife) renew();
  return anchor_;
}

}  // namespace lockstep
