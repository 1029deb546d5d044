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

// Seconds that a mark in a captured step costs the device, or the host where that is more: measured now on
// this stream, which is waited for. Error when CUDA fails.
double measure_captured_mark_cost(void* stream);

}  // namespace lockstep
