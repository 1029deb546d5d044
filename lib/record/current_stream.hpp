// The stream that LibTorch works on now, on the current device. Only in builds with CUDA.
#pragma once

#include <c10/cuda/CUDAStream.h>

namespace lockstep {

inline cudaStream_t current_stream() { return c10::cuda::getCurrentCUDAStream().stream(); }

}  // namespace lockstep
