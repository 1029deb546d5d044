#include "timing/device_clock.hpp"

#include <chrono>

namespace lockstep {
namespace {

using std::chrono::microseconds;

// Float milliseconds up to 1 s resolve 0.1 us.
constexpr std::chrono::seconds kAnchorLife{1};
// The rate follows from what both clocks have counted: before that the error of the anchors outweighs it.
constexpr double kRateSeconds = 2;
// A device that other processes use as well may take longer to come to an event.
constexpr int kFirstTries = 32, kLaterTries = 2;
constexpr std::chrono::seconds kFirstPatience{1};
constexpr microseconds kLaterPatience{50}, kLargestError{20};

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
  anchor_ = take(kFirstTries, kFirstPatience);
  if (!anchor_) throw run_error("the device does not come to an event within a second");
  first_ = renewed_ = anchor_->host;
}

DeviceClock::~DeviceClock() { cudaStreamDestroy(stream_); }

// The narrowest of some readings; null: none in time.
std::shared_ptr<ClockAnchor> DeviceClock::take(int tries, SteadyTime::duration patience) {
  std::shared_ptr<ClockAnchor> best;
  for (int i = 0; i < tries; ++i) {
    auto anchor = std::make_shared<ClockAnchor>();
    const SteadyTime before = steady_now();
    anchor->event.record(stream_);
    if (!comes_within(anchor->event, before, patience)) return best;
    anchor->error = (steady_now() - before) / 2;
    anchor->host = before + anchor->error;
    if (!best || anchor->error < best->error) best = std::move(anchor);
  }
  return best;
}

void DeviceClock::renew() {
  const BesideCapture beside;
  renewed_ = steady_now();
  const std::shared_ptr<ClockAnchor> next = take(kLaterTries, kLaterPatience);
  if (!next || next->error > kLargestError) return;  // the old one still serves
  device_seconds_ += next->event.seconds_since(anchor_->event);
  const double host_seconds = seconds_between(first_, next->host);
  if (host_seconds > kRateSeconds) next->rate = host_seconds / device_seconds_;
  anchor_ = next;
}

std::shared_ptr<const ClockAnchor> DeviceClock::anchor() {
  if (steady_now() - renewed_ > kAnchorLife) renew();
  return anchor_;
}

}  // namespace lockstep
