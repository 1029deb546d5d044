#include "record/gpu_monitor.hpp"

#include <atomic>
#include <cmath>

#include "support/catch.hpp"

using namespace lockstep;
using std::chrono::milliseconds;

namespace {

GpuReading reading(double sm_clock, double power, double temperature, double energy, std::int64_t slowdowns) {
  return {.sm_clock = sm_clock,
          .power = power,
          .temperature = temperature,
          .energy = energy,
          .slowdowns = slowdowns};
}

GpuOfRank seen(const std::string& gpu, double energy, double power, double clock, std::int64_t slowdowns) {
  return {gpu, {true, energy, power, 50, clock, slowdowns}};
}

}  // namespace

// A GPU that is at full speed, or too hot, as the test says; its counter stands at a number of its own.
struct MadeUpGpu {
  std::atomic<bool> hot{false};
  std::atomic<int> asked{0};
  std::atomic<double> energy{100};
  GpuReading read() {
    ++asked;
    return hot ? reading(1e9, 650, 87, energy, 0x20) : reading(2e9, 400, 60, energy, 0);
  }
  void wait_until_asked() {
    for (const int before = asked; asked < before + 2;) std::this_thread::sleep_for(milliseconds(1));
  }
};

TEST_CASE("an epoch's energy is that between its ends, its peaks are those seen meanwhile") {
  MadeUpGpu gpu;
  GpuMonitor monitor(
      "h0 g0", [&] { return gpu.read(); }, milliseconds(1));
  monitor.begin_epoch();
  gpu.hot = true;
  gpu.wait_until_asked();
  gpu.hot = false;
  std::this_thread::sleep_for(milliseconds(1050));  // as long as energy takes to be known
  gpu.energy = 350;
  const GpuOfRank first = monitor.end_epoch();
  CHECK(first.gpu == "h0 g0");
  REQUIRE(first.epoch.recorded);
  CHECK(first.epoch.energy == Approx(250));
  CHECK(first.epoch.power_peak == 650);
  CHECK(first.epoch.temperature == 87);
  CHECK(first.epoch.sm_clock > 1e9);
  CHECK(first.epoch.sm_clock < 2e9);
  CHECK(first.epoch.slowdowns == 0x20);

  std::this_thread::sleep_for(milliseconds(50));
  const int asked = gpu.asked;
  std::this_thread::sleep_for(milliseconds(50));
  CHECK(gpu.asked == asked);  // nobody asks between epochs
  monitor.begin_epoch();
  const GpuOfRank second = monitor.end_epoch();  // at once
  CHECK(std::isnan(second.epoch.energy));        // too short for the counter
  CHECK(second.epoch.power_peak == 400);
  CHECK(second.epoch.slowdowns == 0);
}

TEST_CASE("a GPU that tells nothing leaves everything unknown") {
  GpuMonitor monitor("h0 g0", [] { return GpuReading{}; });
  monitor.begin_epoch();
  const GpuEpoch epoch = monitor.end_epoch().epoch;
  CHECK(epoch.recorded);
  CHECK(std::isnan(epoch.power_peak));
  CHECK(std::isnan(epoch.sm_clock));
}

TEST_CASE("over the ranks: GPUs that are shared count once, the slowest clock, the highest peaks") {
  const GpuEpoch all = merge_gpus({seen("h0 a", 100, 300, 1.9e9, 0x4),
                                   seen("h0 a", 101, 310, 1.9e9, 0),
                                   seen("h0 b", 50, 500, 1.5e9, 0x20),
                                   {"", {}}});
  CHECK(all.recorded);
  CHECK(all.energy == Approx(150));
  CHECK(all.power_peak == 500);
  CHECK(all.sm_clock == 1.5e9);
  CHECK(all.slowdowns == 0x24);
  CHECK(std::isnan(merge_gpus({seen("h0 a", 100, 1, 1, 0), seen("h0 b", kUnknown, 1, 1, 0)}).energy));
  CHECK_FALSE(merge_gpus({{"", {}}, {"", {}}}).recorded);
  CHECK_FALSE(monitor_of(c10::kCPU));
}
