#include "timing/device_events.hpp"

#include <cuda_runtime_api.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "timing/device_clock.hpp"

namespace lockstep {

namespace {

class CudaTimeline : public DeviceTimeline {
 public:
  CudaTimeline(std::size_t slots, std::function<void*()> current_stream)
      : stream_(std::move(current_stream)) {
    for (std::size_t i = 0; i < slots; ++i) events_.emplace_back(cudaEventDefault);
    for (std::size_t i = 0; i < slots; ++i) captured_.emplace_back(cudaEventDefault);
  }

  void mark(std::size_t slot) override { events_[slot].record(stream()); }
  bool reached(std::size_t slot) override { return events_[slot].happened(); }
  void wait(std::size_t slot) override { events_[slot].synchronize(); }
  void capture_mark(std::size_t index) override { captured_.at(index).record_in_graph(stream()); }
  void* event_of(std::size_t slot) override { return events_[slot].get(); }
  void* captured_event(std::size_t index) override { return captured_.at(index).get(); }

  SteadyTime time_of(std::size_t slot) override {
    events_[slot].synchronize();
    // Marks stay in their order where the anchor that they are read by changes.
    return last_ = std::max(last_, clock_.anchor()->when(events_[slot]));
  }

 private:
  cudaStream_t stream() const { return static_cast<cudaStream_t>(stream_()); }

  std::function<void*()> stream_;
  DeviceClock clock_;
  std::vector<CudaEvent> events_;
  std::vector<CudaEvent> captured_;  // stand in the graphs for the slots' events; never recorded
  SteadyTime last_;
};

// A chain of small nodes, each of which is followed by an event's where there are events.
class Chain {
 public:
  Chain(cudaStream_t stream, char* byte, std::vector<CudaEvent>* events) : stream_(stream) {
    LOCKSTEP_CUDA_CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    for (int i = 0; i < kLinks; ++i) {
      LOCKSTEP_CUDA_CHECK(cudaMemsetAsync(byte, i, 1, stream));
      if (events) (*events)[static_cast<std::size_t>(i)].record_in_graph(stream);
    }
    LOCKSTEP_CUDA_CHECK(cudaStreamEndCapture(stream, &graph_));
    LOCKSTEP_CUDA_CHECK(cudaGraphInstantiateWithFlags(&exec_, graph_, 0));
  }
  ~Chain() {
    cudaGraphExecDestroy(exec_);
    cudaGraphDestroy(graph_);
  }
  Chain(const Chain&) = delete;
  Chain& operator=(const Chain&) = delete;

  // Of one launch on the device, after one that is not counted.
  double seconds() {
    CudaEvent begin(cudaEventDefault), end(cudaEventDefault);
    LOCKSTEP_CUDA_CHECK(cudaGraphLaunch(exec_, stream_));
    begin.record(stream_);
    LOCKSTEP_CUDA_CHECK(cudaGraphLaunch(exec_, stream_));
    end.record(stream_);
    end.synchronize();
    return end.seconds_since(begin);
  }

  // The host's for telling all event nodes which event to record.
  double seconds_of_setting(std::vector<CudaEvent>& events) {
    std::vector<cudaGraphNode_t> nodes(2 * kLinks);
    std::size_t count = nodes.size();
    LOCKSTEP_CUDA_CHECK(cudaGraphGetNodes(graph_, nodes.data(), &count));
    const SteadyTime begin = steady_now();
    for (std::size_t i = 0, set = 0; i < count; ++i) {
      cudaGraphNodeType type{};
      LOCKSTEP_CUDA_CHECK(cudaGraphNodeGetType(nodes[i], &type));
      if (type != cudaGraphNodeTypeEventRecord) continue;
      LOCKSTEP_CUDA_CHECK(cudaGraphExecEventRecordNodeSetEvent(exec_, nodes[i], events[set++].get()));
    }
    return seconds_between(begin, steady_now());
  }

  static constexpr int kLinks = 100;

 private:
  cudaStream_t stream_;
  cudaGraph_t graph_ = nullptr;
  cudaGraphExec_t exec_ = nullptr;
};

}  // namespace

double measure_captured_mark_cost(void* stream) {
  auto* const s = static_cast<cudaStream_t>(stream);
  char* byte = nullptr;
  LOCKSTEP_CUDA_CHECK(cudaMalloc(reinterpret_cast<void**>(&byte), 1));
  std::vector<CudaEvent> events;
  for (int i = 0; i < Chain::kLinks; ++i) events.emplace_back(cudaEventDefault);
  double on_device = 0, on_host = 0;
  {
    Chain bare(s, byte, nullptr), marked(s, byte, &events);
    on_device = marked.seconds() - bare.seconds();
    on_host = marked.seconds_of_setting(events);
  }
  LOCKSTEP_CUDA_CHECK(cudaFree(byte));
  return std::max(on_device, on_host) / Chain::kLinks;
}

std::unique_ptr<DeviceTimeline> make_cuda_timeline(std::size_t slots, std::function<void*()> current_stream) {
  return std::make_unique<CudaTimeline>(slots, std::move(current_stream));
}

}  // namespace lockstep
