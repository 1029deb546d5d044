// GpuMonitor: what a GPU draws, and how hot and how fast it is, while an epoch trains. Asks before the first
// and after the last step, and in between once a second from a thread of low priority that touches no CUDA.
#pragma once

#include <c10/core/Device.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "launch/nvml.hpp"
#include "launch/world.hpp"
#include "results/run_data.hpp"
#include "timing/clock.hpp"

namespace lockstep {

// What a rank saw of a GPU. gpu: which one it is, the same for all ranks that share it; empty: none.
struct GpuOfRank {
  std::string gpu;
  GpuEpoch epoch;
  static auto fields(auto& rank) {
    auto& [gpu, epoch] = rank;
    return std::tie(gpu, epoch);
  }
};

class GpuMonitor {
 public:
  using Read = std::function<GpuReading()>;
  GpuMonitor(std::string gpu, Read read, std::chrono::milliseconds pause = std::chrono::seconds(1));
  ~GpuMonitor();
  GpuMonitor(const GpuMonitor&) = delete;
  GpuMonitor& operator=(const GpuMonitor&) = delete;

  // Outside the timed steps, in turn.
  void begin_epoch();
  GpuOfRank end_epoch();

  // The counter of energy moves in steps of up to 100 ms: over less than this, energy is not known.
  static constexpr double kLeastSeconds = 1;

 private:
  void watch();
  void note(const GpuReading& reading);  // under mutex_

  std::string gpu_;
  Read read_;
  std::chrono::milliseconds pause_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool watching_ = false, stop_ = false;  // under mutex_, as are those below
  GpuReading first_;
  SteadyTime began_;
  GpuEpoch epoch_;
  double clocks_ = 0;  // sum of readings_ clocks
  int readings_ = 0;
  std::thread thread_;
};

// Null on a CPU, and where nobody can be asked.
std::unique_ptr<GpuMonitor> monitor_of(const c10::Device& device);

// Of the GPUs of all ranks, each counted once: energies added up, the lowest mean clock, of the rest the
// largest.
GpuEpoch merge_gpus(const std::vector<GpuOfRank>& ranks);

}  // namespace lockstep
