#include "record/memory.hpp"

#include <malloc.h>
#include <sys/resource.h>

#ifdef LOCKSTEP_WITH_CUDA
#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDACachingAllocator.h>
#endif

#include "base/machine_memory.hpp"

namespace lockstep {

void keep_heap_pages() {
  constexpr int kTrimThreshold = 2'000'000'000;  // bytes; mallopt takes an int
  constexpr int kTopPad = 64 << 20;
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, kTrimThreshold);
  mallopt(M_TOP_PAD, kTopPad);
}

std::int64_t peak_memory_bytes(torch::Device device) {
#ifdef LOCKSTEP_WITH_CUDA
  if (device.is_cuda()) {
    const auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(device.index());
    return stats.allocated_bytes[0].peak;
  }
#endif
  static_cast<void>(device);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::int64_t>(usage.ru_maxrss) * 1024;
}

std::int64_t device_memory_bytes(torch::Device device, int ranks_of_node) {
#ifdef LOCKSTEP_WITH_CUDA
  if (device.is_cuda())
    return static_cast<std::int64_t>(at::cuda::getDeviceProperties(device.index())->totalGlobalMem);
#endif
  static_cast<void>(device);
  return machine_memory_bytes() / ranks_of_node;
}

}  // namespace lockstep
