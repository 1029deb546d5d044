// CudaTimeline: marks on a CUDA stream by pre-allocated events. Present in builds with CUDA only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "timing/recorder.hpp"

namespace lockstep {

// Enqueues on a stream (cudaStream_t) that the device writes its own timer, in ns, into a word of page-locked
// memory.
using StampAt = std::function<void(std::uint64_t* word, void* stream)>;

// current_stream: gives the cudaStream_t (as void*) that marks go to, asked at every mark. For the
// current device. stamp: what time_of_stamp() needs. Error when CUDA fails.
std::unique_ptr<DeviceTimeline> make_cuda_timeline(std::size_t slots, std::function<void*()> current_stream,
                                                   const StampAt& stamp = {});

}  // namespace lockstep
