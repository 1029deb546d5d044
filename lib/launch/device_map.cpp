#include "launch/device_map.hpp"

#include <unistd.h>

#include <array>

#include "base/error.hpp"

#ifdef LOCKSTEP_WITH_CUDA
#include <c10/cuda/CUDAFunctions.h>

#include "timing/cuda_event.hpp"
#endif

namespace lockstep {

#ifdef LOCKSTEP_WITH_CUDA

namespace {

constexpr const char* kNoGpu = "no CUDA device is visible to this process; use --set parallel.device=cpu";

cudaDeviceProp properties(const c10::Device& device) {
  cudaDeviceProp result{};
  LOCKSTEP_CUDA_CHECK(cudaGetDeviceProperties(&result, device.index()));
  return result;
}

}  // namespace

int visible_gpus() { return c10::cuda::device_count(); }

std::string device_identity(const c10::Device& device) {
  if (!device.is_cuda()) return {};
  std::string text;
  for (const char byte : properties(device).uuid.bytes)
    text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}

std::string device_pci_address(const c10::Device& device) {
  if (!device.is_cuda()) return {};
  std::array<char, 32> text{};
  LOCKSTEP_CUDA_CHECK(cudaDeviceGetPCIBusId(text.data(), static_cast<int>(text.size()), device.index()));
  return text.data();
}

std::string device_model(const c10::Device& device) {
  return device.is_cuda() ? properties(device).name : kCpuDevice;
}

#else

namespace {
constexpr const char* kNoGpu =
    "this build has no CUDA; use --set parallel.device=cpu, or configure with -DLOCKSTEP_CUDA=ON";
}  // namespace

int visible_gpus() { return 0; }
std::string device_identity(const c10::Device&) { return {}; }
std::string device_pci_address(const c10::Device&) { return {}; }
std::string device_model(const c10::Device&) { return kCpuDevice; }

#endif

c10::Device choose_device(DeviceKind kind, BackendKind, const World& world, const std::string& place) {
  if (kind == DeviceKind::cpu) return c10::kCPU;
  const int gpus = visible_gpus();
  if (gpus == 0 && kind == DeviceKind::automatic) return c10::kCPU;
  if (gpus == 0) throw input_error("{}: {}", place, kNoGpu);
  const c10::Device device(c10::kCUDA, static_cast<c10::DeviceIndex>(world.local_rank() % gpus));
#ifdef LOCKSTEP_WITH_CUDA
  c10::cuda::set_device(device.index());
#endif
  return device;
}

std::string host_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return "unknown";
  return name.data();
}

}  // namespace lockstep
