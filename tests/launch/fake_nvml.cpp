// What of NVIDIA's management library is asked, with made-up answers: one GPU, at 0000:1b:00.0, and one that
// is cut into instances, at 0000:1c:00.0.
#include <cstdio>
#include <cstring>

namespace {

constexpr int kSuccess = 0, kInvalidArgument = 2, kNotSupported = 3, kNotFound = 6;
int whole = 0, cut = 1;
int open_count = 0;

}  // namespace

extern "C" {

int nvmlInit_v2() {
  ++open_count;
  return kSuccess;
}
int nvmlShutdown() {
  --open_count;
  return kSuccess;
}
int fake_nvml_open_count() { return open_count; }

int nvmlDeviceGetHandleByPciBusId_v2(const char* address, void** device) {
  if (std::strcmp(address, "0000:1b:00.0") == 0)
    *device = &whole;
  else if (std::strcmp(address, "0000:1c:00.0") == 0)
    *device = &cut;
  else
    return kNotFound;
  return kSuccess;
}

#ifdef OF_OLD
int nvmlDeviceGetCurrentClocksThrottleReasons(void*, unsigned long long* bits) {
  *bits = 0x1 | 0x8;  // idle, hardware slowdown
  return kSuccess;
}
#else
int nvmlSystemGetDriverVersion(char* text, unsigned length) {
  std::snprintf(text, length, "580.65.06");
  return kSuccess;
}
int nvmlDeviceGetMigMode(void* device, unsigned* now, unsigned* pending) {
  *now = *pending = device == &cut ? 1 : 0;
  return kSuccess;
}
int nvmlDeviceGetClockInfo(void*, int which, unsigned* megahertz) {
  if (which != 1 && which != 2) return kInvalidArgument;
  *megahertz = which == 1 ? 1410 : 2600;
  return kSuccess;
}
int nvmlDeviceGetMaxClockInfo(void*, int which, unsigned* megahertz) {
  if (which != 1) return kNotSupported;
  *megahertz = 1980;
  return kSuccess;
}
int nvmlDeviceGetEnforcedPowerLimit(void*, unsigned* milliwatt) {
  *milliwatt = 700000;
  return kSuccess;
}
int nvmlDeviceGetPowerUsage(void*, unsigned* milliwatt) {
  *milliwatt = 412500;
  return kSuccess;
}
int nvmlDeviceGetTemperature(void*, int sensor, unsigned* degrees) {
  if (sensor != 0) return kInvalidArgument;
  *degrees = 57;
  return kSuccess;
}
int nvmlDeviceGetTotalEnergyConsumption(void*, unsigned long long* millijoule) {
  *millijoule = 9'876'543'210ULL;
  return kSuccess;
}
int nvmlDeviceGetCurrentClocksEventReasons(void*, unsigned long long* bits) {
  *bits = 0x1 | 0x2 | 0x4 | 0x40;  // idle, a set clock, power cap, temperature by the hardware
  return kSuccess;
}
#endif

}  // extern "C"
