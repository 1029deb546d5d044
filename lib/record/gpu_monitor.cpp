#include "record/gpu_monitor.hpp"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmath>
#include <set>
#include <utility>

#include "base/error.hpp"
#include "launch/device_map.hpp"

namespace lockstep {

namespace {

constexpr int kLowestPriority = 19;

// Of two numbers the larger, of one and none the one.
double larger(double a, double b) { return std::isnan(a) || b > a ? b : a; }
double smaller(double a, double b) { return std::isnan(a) || b < a ? b : a; }

}  // namespace

GpuMonitor::GpuMonitor(std::string gpu, Read read, std::chrono::milliseconds pause)
    : gpu_(std::move(gpu)), read_(std::move(read)), pause_(pause) {
  thread_ = std::thread([this] { watch(); });
}

GpuMonitor::~GpuMonitor() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void GpuMonitor::begin_epoch() {
  const GpuReading now = read_();
  const std::lock_guard lock(mutex_);
  epoch_ = {};
  epoch_.recorded = true;
  clocks_ = readings_ = 0;
  first_ = now;
  began_ = steady_now();
  watching_ = true;
  wake_.notify_one();
}

GpuOfRank GpuMonitor::end_epoch() {
  const double seconds = seconds_between(began_, steady_now());
  const GpuReading now = read_();  // while the device is still warm
  const std::lock_guard lock(mutex_);
  watching_ = false;
  note(now);
  if (seconds >= kLeastSeconds) epoch_.energy = now.energy - first_.energy;
  if (readings_ > 0) epoch_.sm_clock = clocks_ / readings_;
  return {gpu_, epoch_};
}

void GpuMonitor::note(const GpuReading& reading) {
  epoch_.power_peak = larger(epoch_.power_peak, reading.power);
  epoch_.temperature = larger(epoch_.temperature, reading.temperature);
  epoch_.slowdowns |= reading.slowdowns;
  if (std::isnan(reading.sm_clock)) return;
  clocks_ += reading.sm_clock;
  ++readings_;
}

void GpuMonitor::watch() {
  setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), kLowestPriority);
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stop_ || watching_; });
    wake_.wait_for(lock, pause_, [this] { return stop_ || !watching_; });
    if (stop_) return;
    if (!watching_) continue;
    lock.unlock();  // the answer may take milliseconds
    const GpuReading reading = read_();
    lock.lock();
    if (watching_) note(reading);
  }
}

std::unique_ptr<GpuMonitor> monitor_of(const c10::Device& device) {
  if (!device.is_cuda()) return nullptr;
  const std::shared_ptr<Nvml> nvml = Nvml::open(device_pci_address(device));
  if (!nvml) return nullptr;
  return std::make_unique<GpuMonitor>(host_name() + ' ' + device_identity(device),
                                      [nvml] { return nvml->read(); });
}

GpuEpoch merge_gpus(const std::vector<GpuOfRank>& ranks) {
  GpuEpoch all;
  all.energy = 0;
  std::set<std::string> seen;
  for (const auto& [gpu, epoch] : ranks) {
    if (gpu.empty() || !epoch.recorded || !seen.insert(gpu).second) continue;
    all.recorded = true;
    all.energy += epoch.energy;
    all.power_peak = larger(all.power_peak, epoch.power_peak);
    all.temperature = larger(all.temperature, epoch.temperature);
    all.sm_clock = smaller(all.sm_clock, epoch.sm_clock);
    all.slowdowns |= epoch.slowdowns;
  }
  return all.recorded ? all : GpuEpoch{};
}

}  // namespace lockstep
