#include "train/replay_marks.hpp"

#include <c10/cuda/CUDAStream.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>

#include "record/current_stream.hpp"
#include "timing/cuda_event.hpp"

namespace lockstep {

// The stream beside the step's, and the event that orders the two.
struct ReplayRing::Streams {
  c10::cuda::CUDAStream beside = c10::cuda::getStreamFromPool();
  CudaEvent order;
};

ReplayRing::ReplayRing(std::size_t most) : streams_(std::make_unique<Streams>()) {
  ring_.depth = kDepth;
  ring_.stride = static_cast<std::uint32_t>(most + 2);  // the end, and the numbers
  const std::size_t bytes = std::size_t{ring_.depth} * ring_.stride * sizeof *ring_.words;
  LOCKSTEP_CUDA_CHECK(cudaHostAlloc(reinterpret_cast<void**>(&ring_.words), bytes, 0));
  std::memset(ring_.words, 0, bytes);
  LOCKSTEP_CUDA_CHECK(cudaMalloc(reinterpret_cast<void**>(&ring_.count), sizeof *ring_.count));
  LOCKSTEP_CUDA_CHECK(cudaMemsetAsync(ring_.count, 0, sizeof *ring_.count, current_stream()));
}

ReplayRing::~ReplayRing() {
  cudaFree(ring_.count);
  cudaFreeHost(ring_.words);
}

void ReplayRing::capture_mark(std::size_t i) {
  if (i + 2 >= ring_.stride) throw run_error("a captured step has more than {} phases", ring_.stride - 2);
  streams_->order.record(current_stream());
  streams_->order.order(streams_->beside.stream());
  kernels::stamp(ring_, static_cast<std::uint32_t>(i), streams_->beside.stream());
}

void ReplayRing::capture_end(std::size_t marks, const torch::Tensor& first, const torch::Tensor& second) {
  end_ = marks;
  if (marks > 0) {
    streams_->order.record(streams_->beside.stream());
    streams_->order.order(current_stream());
  }
  kernels::stamp_end(ring_, static_cast<std::uint32_t>(marks), first.const_data_ptr<float>(),
                     second.const_data_ptr<float>(), current_stream());
}

std::uint64_t* ReplayRing::record(std::int64_t replay) const {
  return ring_.words + replay % ring_.depth * ring_.stride;
}

std::uint64_t ReplayRing::load(std::int64_t replay, std::size_t mark) const {
  return std::atomic_ref<std::uint64_t>(record(replay)[mark]).load(std::memory_order_acquire);
}

std::int64_t ReplayRing::begin_replay(float* results) {
  std::memset(record(replays_), 0, ring_.stride * sizeof *ring_.words);
  results_[static_cast<std::size_t>(replays_) % kDepth] = results;
  return replays_++;
}

bool ReplayRing::reached(std::int64_t replay, std::size_t mark) { return load(replay, mark) != 0; }

std::uint64_t ReplayRing::stamp(std::int64_t replay, std::size_t mark) {
  for (std::uint32_t look = 1; load(replay, mark) == 0; ++look) {
    if (look % 64 != 0) continue;
    const cudaError_t status = cudaStreamQuery(current_stream());
    if (status != cudaErrorNotReady) check_cuda(status, "a captured step");
    std::this_thread::yield();
  }
  if (mark == end_)
    std::memcpy(results_[static_cast<std::size_t>(replay) % kDepth], record(replay) + end_ + 1,
                2 * sizeof(float));
  return load(replay, mark);
}

namespace {

// A chain of small nodes and its end, with or without marks, as far apart as those of a small step.
class Chain {
 public:
  explicit Chain(bool marked) {
    const cudaStream_t stream = current_stream();
    LOCKSTEP_CUDA_CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    for (int i = 0; i < kMarks * kApart; ++i) {
      LOCKSTEP_CUDA_CHECK(cudaMemsetAsync(byte_.data_ptr(), i, 1, stream));
      if (marked && i % kApart == 0) ring_.capture_mark(static_cast<std::size_t>(i / kApart));
    }
    ring_.capture_end(marked ? kMarks : 0, number_, number_);
    LOCKSTEP_CUDA_CHECK(cudaStreamEndCapture(stream, &graph_));
    LOCKSTEP_CUDA_CHECK(cudaGraphInstantiateWithFlags(&exec_, graph_, 0));
  }
  ~Chain() {
    cudaGraphExecDestroy(exec_);
    cudaGraphDestroy(graph_);
  }
  Chain(const Chain&) = delete;
  Chain& operator=(const Chain&) = delete;

  // Of a launch on the device: the shortest of some.
  double seconds() {
    CudaEvent begin(cudaEventDefault), end(cudaEventDefault);
    double shortest = 1;
    for (int i = 0; i < 5; ++i) {
      LOCKSTEP_CUDA_CHECK(cudaGraphLaunch(exec_, current_stream()));
      begin.record(current_stream());
      LOCKSTEP_CUDA_CHECK(cudaGraphLaunch(exec_, current_stream()));
      end.record(current_stream());
      end.synchronize();
      shortest = std::min(shortest, end.seconds_since(begin));
    }
    return shortest;
  }

  static constexpr int kMarks = 12, kApart = 8;

 private:
  ReplayRing ring_{kMarks};
  torch::Tensor byte_ = torch::zeros({1}, torch::TensorOptions(torch::kUInt8).device(torch::kCUDA)),
                number_ = torch::zeros({1}, torch::TensorOptions(torch::kFloat32).device(torch::kCUDA));
  cudaGraph_t graph_ = nullptr;
  cudaGraphExec_t exec_ = nullptr;
};

}  // namespace

double measure_replayed_mark_cost() {
  Chain bare(false), marked(true);
  return std::max(0.0, marked.seconds() - bare.seconds()) / Chain::kMarks;
}

}  // namespace lockstep
