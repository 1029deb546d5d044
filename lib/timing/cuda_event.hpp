// A CUDA event, and the check of CUDA runtime calls. Only in builds with CUDA.
#pragma once

#include <cuda_runtime_api.h>

#include <string_view>
#include <utility>

#include "base/error.hpp"

namespace lockstep {

inline void check_cuda(cudaError_t code, std::string_view call) {
  if (code != cudaSuccess)
    throw run_error("{} failed: {}", call.substr(0, call.find('(')), cudaGetErrorString(code));
}

}  // namespace lockstep

#define LOCKSTEP_CUDA_CHECK(call) ::lockstep::check_cuda((call), #call)

namespace lockstep {

class CudaEvent {
 public:
  // Without timing by default: such an event is cheaper. Blocking: synchronize() sleeps and leaves the core
  // free.
  explicit CudaEvent(unsigned flags = cudaEventDisableTiming | cudaEventBlockingSync) {
    LOCKSTEP_CUDA_CHECK(cudaEventCreateWithFlags(&event_, flags));
  }
  ~CudaEvent() {
    if (event_ != nullptr) cudaEventDestroy(event_);
  }
  CudaEvent(CudaEvent&& other) noexcept : event_(std::exchange(other.event_, nullptr)) {}
  CudaEvent& operator=(CudaEvent&& other) noexcept {
    std::swap(event_, other.event_);
    return *this;
  }
  CudaEvent(const CudaEvent&) = delete;
  CudaEvent& operator=(const CudaEvent&) = delete;

  void record(cudaStream_t stream) { LOCKSTEP_CUDA_CHECK(cudaEventRecord(event_, stream)); }
  // While the stream is captured: a node of the graph that records the event each time that it is replayed.
  void record_in_graph(cudaStream_t stream) {
    LOCKSTEP_CUDA_CHECK(cudaEventRecordWithFlags(event_, stream, cudaEventRecordExternal));
  }
  // What is enqueued on stream from here on starts after the event.
  void order(cudaStream_t stream) const { LOCKSTEP_CUDA_CHECK(cudaStreamWaitEvent(stream, event_, 0)); }
  bool happened() const {
    const cudaError_t status = cudaEventQuery(event_);
    if (status == cudaErrorNotReady) return false;
    check_cuda(status, "cudaEventQuery");
    return true;
  }
  void synchronize() const { LOCKSTEP_CUDA_CHECK(cudaEventSynchronize(event_)); }
  cudaEvent_t get() const { return event_; }
  // Seconds from `earlier` to this one; both have happened and were made with timing.
  double seconds_since(const CudaEvent& earlier) const {
    float milliseconds = 0;
    LOCKSTEP_CUDA_CHECK(cudaEventElapsedTime(&milliseconds, earlier.event_, event_));
    return static_cast<double>(milliseconds) * 1e-3;
  }

 private:
  cudaEvent_t event_ = nullptr;
};

}  // namespace lockstep
