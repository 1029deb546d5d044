#include "train/replay_marks.hpp"

#include <c10/cuda/CUDAStream.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>
#include <utility>

#include "kernels/norm.hpp"
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
  LOCKSTEP_CUDA_CHECK(cudaMalloc(reinterpret_cast<void**>(&ring_.marks), ring_.stride * sizeof *ring_.marks));
  LOCKSTEP_CUDA_CHECK(cudaMalloc(reinterpret_cast<void**>(&ring_.count), sizeof *ring_.count));
  LOCKSTEP_CUDA_CHECK(cudaMemsetAsync(ring_.count, 0, sizeof *ring_.count, current_stream()));
}

ReplayRing::~ReplayRing() {
  cudaFree(ring_.marks);
  cudaFree(ring_.count);
  cudaFreeHost(ring_.words);
}

DeviceMark ReplayRing::place(std::size_t i) const {
  if (i + 2 >= ring_.stride) throw run_error("a captured step has more than {} phases", ring_.stride - 2);
  return {ring_.marks + i};
}

void ReplayRing::capture_mark(std::size_t i) {
  const DeviceMark mark = place(i);
  streams_->order.record(current_stream());
  streams_->order.order(streams_->beside.stream());
  kernels::stamp(mark, streams_->beside.stream());
  forked_ = true;
}

void ReplayRing::capture_end(std::size_t marks, const torch::Tensor& first, const torch::Tensor& second) {
  end_ = marks;
  if (std::exchange(forked_, false)) {
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

enum class Marks { none, nodes, carried };

// A chain of small kernels and its end, with or without marks, as far apart as those of a small step.
class Chain {
 public:
  explicit Chain(Marks marks) {
    const cudaStream_t stream = current_stream();
    LOCKSTEP_CUDA_CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    for (int i = 0; i < kMarks * kApart; ++i) {
      const auto mark = static_cast<std::size_t>(i / kApart);
      const bool here = i % kApart == 0;
      if (here && marks == Marks::nodes) ring_.capture_mark(mark);
      kernels::square_sums(number_.const_data_ptr<float>(), 1, sum_.data_ptr<double>(),
                           here && marks == Marks::carried ? ring_.place(mark) : DeviceMark(), stream);
    }
    ring_.capture_end(kMarks, number_, number_);
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
  torch::Tensor number_ = torch::zeros({1}, torch::TensorOptions(torch::kFloat32).device(torch::kCUDA)),
                sum_ = torch::zeros({1}, number_.options().dtype(torch::kFloat64));
  cudaGraph_t graph_ = nullptr;
  cudaGraphExec_t exec_ = nullptr;
};

}  // namespace

ReplayedMarkCost measure_replayed_mark_cost() {
  Chain bare(Marks::none), nodes(Marks::nodes), carried(Marks::carried);
  const double without = bare.seconds();
  return {.node = std::max(0.0, nodes.seconds() - without) / Chain::kMarks,
          .carried = std::max(0.0, carried.seconds() - without) / Chain::kMarks};
}

}  // namespace lockstep
