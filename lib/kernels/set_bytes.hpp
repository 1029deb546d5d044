// A few bytes from the host into device memory, in stream order.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>

namespace lockstep::kernels {

// They travel with the launch, a launch for each 256: unlike those of a copy, the bytes at `from` need not
// stay in place. Nothing blocks the host. to: device memory.
void set_bytes(void* to, const void* from, std::size_t count, cudaStream_t stream);

}  // namespace lockstep::kernels
