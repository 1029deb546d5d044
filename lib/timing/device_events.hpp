// CudaTimeline: marks on a CUDA stream by pre-allocated events. Present in builds with CUDA only.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "timing/recorder.hpp"

namespace lockstep {

// current_stream: gives the cudaStream_t (as void*) that marks go to, asked at every mark. For the
// current device. Error when CUDA fails.
std::unique_ptr<DeviceTimeline> make_cuda_timeline(std::size_t slots, std::function<void*()> current_stream);

}  // namespace lockstep
