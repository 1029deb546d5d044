// Writing the device's timer from within a kernel. Device code only.
#pragma once

#include "base/device_mark.hpp"

namespace lockstep::kernels {

__device__ inline void write_time(std::uint64_t* word) {
  std::uint64_t now;
  asm volatile("mov.u64 %0, %globaltimer;" : "=l"(now));
  *static_cast<volatile std::uint64_t*>(word) = now;
}

// By one thread of the kernel.
__device__ inline void write_mark(const DeviceMark& mark) {
  if (mark.word != nullptr) write_time(mark.word);
}

}  // namespace lockstep::kernels
