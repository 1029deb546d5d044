// The device's clock beside the host's, on a GPU: an event's time lies between the readings of the host's
// clock around it. Exit code 77: no GPU, or other programs use it.
#include "timing/device_clock.hpp"

#include <algorithm>
#include <cstdio>
#include <thread>

using namespace lockstep;

namespace {

constexpr int kSkipped = 77;

double microseconds(SteadyTime::duration duration) {
  return std::chrono::duration<double, std::micro>(duration).count();
}

class Stream {
 public:
  Stream() { LOCKSTEP_CUDA_CHECK(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking)); }
  ~Stream() { cudaStreamDestroy(stream_); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  cudaStream_t get() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

// How far the event's time lies outside of what the host saw of it, and how long that took. Microseconds.
struct Look {
  double outside, took;
};

Look look(DeviceClock& clock, CudaEvent& event, cudaStream_t stream) {
  const auto anchor = clock.anchor();
  const SteadyTime before = steady_now();
  event.record(stream);
  while (!event.happened()) continue;
  const SteadyTime after = steady_now();
  const SteadyTime time = anchor->when(event);
  return {std::max(microseconds(before - time), microseconds(time - after)), microseconds(after - before)};
}

int check() {
  constexpr int kLooks = 100;  // over 5 s, in which the anchor is renewed and the rate becomes known
  const std::shared_ptr<DeviceClock> clock = DeviceClock::shared();
  const Stream stream;
  CudaEvent event{cudaEventDefault};
  int outside = 0, tried = 0;
  double worst = -1e9;
  for (int i = 0; i < kLooks; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    const Look seen = look(*clock, event, stream.get());
    if (seen.took > 100) continue;  // the host or the device was busy: that says nothing
    ++tried;
    worst = std::max(worst, seen.outside);
    outside += seen.outside > microseconds(clock->anchor()->error) ? 1 : 0;
  }
  const auto anchor = clock->anchor();
  std::printf(
      "%d looks: at most %.1f us outside (negative: within); anchor within %.1f us; the device's clock runs "
      "%.1f ppm slow\n",
      tried, worst, microseconds(anchor->error), 1e6 * (anchor->rate - 1));
  if (outside > 0) return 1;
  if (tried > kLooks / 4) return 0;
  std::puts("machine too busy: the device or the host was late too often");
  return kSkipped;
}

}  // namespace

int main() {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::puts("skipped: no CUDA device is visible to this process");
    return kSkipped;
  }
  return check();
}
