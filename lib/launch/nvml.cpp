#include "launch/nvml.hpp"

#include <dlfcn.h>

#include <array>

#include "results/gpu_slowdowns.hpp"

namespace lockstep {

namespace {

// As in nvml.h, which a CUDA Toolkit need not have.
using Result = int;
using Device = void*;
constexpr Result kSuccess = 0;
constexpr int kSmClock = 1, kMemoryClock = 2, kOnGpu = 0;  // of nvmlClockType_t, nvmlTemperatureSensors_t
constexpr double kMega = 1e6, kMilli = 1e-3;

struct CloseLibrary {
  void operator()(void* library) const { dlclose(library); }
};

class LoadedNvml final : public Nvml {
 public:
  explicit LoadedNvml(void* library) : library_(library) {}
  ~LoadedNvml() override {
    if (const auto shutdown = function<Result()>("nvmlShutdown"); shutdown && begun_) shutdown();
  }
  LoadedNvml(const LoadedNvml&) = delete;
  LoadedNvml& operator=(const LoadedNvml&) = delete;

  bool find(const std::string& pci_address) {
    const auto begin = function<Result()>("nvmlInit_v2");
    const auto by_address = function<Result(const char*, Device*)>("nvmlDeviceGetHandleByPciBusId_v2");
    begun_ = begin && by_address && begin() == kSuccess;
    if (!begun_ || by_address(pci_address.c_str(), &device_) != kSuccess) return false;
    unsigned now = 0, pending = 0;
    const auto mig = function<Result(Device, unsigned*, unsigned*)>("nvmlDeviceGetMigMode");
    shared_ = mig && mig(device_, &now, &pending) == kSuccess && now != 0;
    return true;
  }

  std::string driver() const override {
    std::array<char, 81> text{};
    const auto get = function<Result(char*, unsigned)>("nvmlSystemGetDriverVersion");
    return get && get(text.data(), text.size() - 1) == kSuccess ? text.data() : "";
  }

  GpuFacts facts() const override {
    const GpuReading now = read();
    return {.sm_clock = now.sm_clock,
            .sm_clock_max = clock("nvmlDeviceGetMaxClockInfo", kSmClock),
            .memory_clock = now.memory_clock,
            .memory_clock_max = clock("nvmlDeviceGetMaxClockInfo", kMemoryClock),
            .power_limit = kMilli * number<unsigned>("nvmlDeviceGetEnforcedPowerLimit"),
            .temperature = now.temperature,
            .slowdowns = now.slowdowns};
  }

  GpuReading read() const override {
    GpuReading reading;
    reading.sm_clock = clock("nvmlDeviceGetClockInfo", kSmClock);
    reading.memory_clock = clock("nvmlDeviceGetClockInfo", kMemoryClock);
    unsigned degrees = 0;
    const auto temperature = function<Result(Device, int, unsigned*)>("nvmlDeviceGetTemperature");
    if (temperature && temperature(device_, kOnGpu, &degrees) == kSuccess) reading.temperature = degrees;
    reading.slowdowns = slowdowns();
    if (shared_) return reading;
    reading.power = kMilli * number<unsigned>("nvmlDeviceGetPowerUsage");
    reading.energy = kMilli * number<unsigned long long>("nvmlDeviceGetTotalEnergyConsumption");
    return reading;
  }

 private:
  template <typename Signature>
  Signature* function(const char* name) const {
    return reinterpret_cast<Signature*>(dlsym(library_.get(), name));
  }

  template <typename T>
  double number(const char* name) const {
    T value = 0;
    const auto get = function<Result(Device, T*)>(name);
    return get && get(device_, &value) == kSuccess ? static_cast<double>(value) : kUnknown;
  }

  double clock(const char* name, int which) const {
    unsigned megahertz = 0;
    const auto get = function<Result(Device, int, unsigned*)>(name);
    return get && get(device_, which, &megahertz) == kSuccess ? kMega * megahertz : kUnknown;
  }

  // The older name is that of drivers before 535.
  std::int64_t slowdowns() const {
    unsigned long long bits = 0;
    for (const char* name :
         {"nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons"}) {
      const auto get = function<Result(Device, unsigned long long*)>(name);
      if (get && get(device_, &bits) == kSuccess) return static_cast<std::int64_t>(bits) & kGpuSlowdownBits;
    }
    return 0;
  }

  std::unique_ptr<void, CloseLibrary> library_;
  Device device_ = nullptr;
  bool begun_ = false, shared_ = false;
};

}  // namespace

std::unique_ptr<Nvml> Nvml::open(const std::string& pci_address, const char* library) {
  void* const handle = dlopen(library, RTLD_LAZY | RTLD_LOCAL);
  if (handle == nullptr) return nullptr;
  auto nvml = std::make_unique<LoadedNvml>(handle);
  if (!nvml->find(pci_address)) return nullptr;
  return nvml;
}

}  // namespace lockstep
