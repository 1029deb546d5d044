#include "train/cuda_graph.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

#include "base/error.hpp"
#include "train/setup.hpp"

#ifdef LOCKSTEP_WITH_CUDA
#include <ATen/cuda/CUDAGeneratorImpl.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAStream.h>

#include "kernels/take_batch.hpp"
#include "record/current_stream.hpp"
#include "timing/cuda_event.hpp"
#include "train/replay_marks.hpp"
#endif

namespace lockstep {

namespace {

constexpr int kUncaptured = 3;  // steps of a shape that run first; the run's very first rebuilds buckets
constexpr std::size_t kMostSteps = 8;     // captured; each keeps the memory of its activations
constexpr std::size_t kMostShapes = 256;  // that are counted

#ifdef LOCKSTEP_WITH_CUDA

// LibTorch before 2.9 keeps the graph to itself, and with it the marks.
template <typename Graph>
concept Adjustable = requires(Graph graph) {
  Graph(true);
  graph.instantiate();
  graph.raw_cuda_graph();
  graph.raw_cuda_graph_exec();
};
constexpr bool kAdjustable = Adjustable<at::cuda::CUDAGraph>;

std::string first_line(const std::exception& error) {
  const std::string text = error.what();
  return text.substr(0, text.find('\n'));
}

// Brings batches to the tensors that a captured step reads, by way of two places on the device, so that a
// batch travels while the step before it computes. The step takes it from there by its first kernel.
class BatchFeed {
 public:
  BatchFeed(const torch::Tensor& inputs, const torch::Tensor& targets)
      : inputs_(torch::empty_like(inputs)),
        targets_(torch::empty_like(targets)),
        ticket_(torch::zeros({1}, targets.options().dtype(torch::kInt32))) {
    for (Place& place : places_) {
      place.inputs = torch::empty_like(inputs);
      place.targets = torch::empty_like(targets);
      place.read.record(current_stream());  // what the memory was used for before
    }
  }

  const torch::Tensor& inputs() const { return inputs_; }
  const torch::Tensor& targets() const { return targets_; }

  // While the current stream is captured, first of all. count: replays that have ended, in device memory.
  void capture(const std::uint64_t* count, MarkOffer& mark) {
    const auto places = [&](torch::Tensor Place::*array, const torch::Tensor& to) {
      return kernels::TwoPlaces{{(places_[0].*array).const_data_ptr(), (places_[1].*array).const_data_ptr()},
                                to.data_ptr(),
                                to.nbytes()};
    };
    kernels::take_batch({.inputs = places(&Place::inputs, inputs_),
                         .targets = places(&Place::targets, targets_),
                         .count = count,
                         .mark = mark.take(),
                         .ticket = reinterpret_cast<unsigned*>(ticket_.data_ptr<std::int32_t>())},
                        current_stream());
  }

  // From pinned memory, once before each replay. PendingCopies tells when it is free.
  void enqueue(const torch::Tensor& inputs, const torch::Tensor& targets) {
    Place& place = places_[batches_ % places_.size()];
    place.read.order(stream_.stream());
    copy(inputs, place.inputs, stream_.stream());
    copy(targets, place.targets, stream_.stream());
    place.written.record(stream_.stream());
    place.written.order(current_stream());
  }
  // After the replay was launched.
  void launched() { places_[batches_++ % places_.size()].read.record(current_stream()); }

 private:
  struct Place {
    torch::Tensor inputs, targets;
    CudaEvent written, read;
  };

  // Without what LibTorch's copy_ looks at first.
  static void copy(const torch::Tensor& from, const torch::Tensor& to, cudaStream_t stream) {
    if (!from.is_contiguous() || from.nbytes() != to.nbytes())
      throw run_error("a captured step was given a batch of another shape");
    LOCKSTEP_CUDA_CHECK(
        cudaMemcpyAsync(to.data_ptr(), from.const_data_ptr(), to.nbytes(), cudaMemcpyHostToDevice, stream));
  }

  torch::Tensor inputs_, targets_, ticket_;
  std::array<Place, 2> places_;
  c10::cuda::CUDAStream stream_ = c10::cuda::getStreamFromPool();
  std::size_t batches_ = 0;
};

// The event nodes of a graph, by the events that they were captured with.
class EventNodes {
 public:
  explicit EventNodes(cudaGraph_t graph) {
    std::size_t count = 0;
    LOCKSTEP_CUDA_CHECK(cudaGraphGetNodes(graph, nullptr, &count));
    std::vector<cudaGraphNode_t> all(count);
    LOCKSTEP_CUDA_CHECK(cudaGraphGetNodes(graph, all.data(), &count));
    for (const cudaGraphNode_t node : all) {
      cudaGraphNodeType type{};
      LOCKSTEP_CUDA_CHECK(cudaGraphNodeGetType(node, &type));
      if (type != cudaGraphNodeTypeEventRecord) continue;
      cudaEvent_t event = nullptr;
      LOCKSTEP_CUDA_CHECK(cudaGraphEventRecordNodeGetEvent(node, &event));
      nodes_.emplace_back(event, node);
    }
  }

  cudaGraphNode_t of(void* event) const {
    for (const auto& [captured, node] : nodes_)
      if (captured == event) return node;
    throw run_error("an event of the captured step is missing from its graph");
  }

 private:
  std::vector<std::pair<void*, cudaGraphNode_t>> nodes_;
};

// Graph is at::cuda::CUDAGraph; a template, so that an older one, without these members, compiles.
template <typename Graph>
class GraphStep final : public StepGraphs::Step {
 public:
  GraphStep(StepRecorder& recorder, WorkLog* log, const torch::Tensor& inputs, const torch::Tensor& targets)
      : recorder_(recorder), log_(log), feed_(inputs, targets), graph_(/*keep_graph=*/true) {}

  void set_batch(const torch::Tensor& inputs, const torch::Tensor& targets) override {
    feed_.enqueue(inputs, targets);
  }

  void replay(float* results) override {
    for (const CapturedWork& captured : works_) {
      const Work::Replay next = captured.logged.work->replay();
      set_event(captured.ready, next.events.ready);
      set_event(captured.start, next.events.start);
      set_event(captured.end, next.events.end);
      log_->add(next.work, captured.logged.bucket, captured.logged.blocking);
    }
    recorder_.enter_replayed(phases_, marks_, marks_.begin_replay(results));
    graph_.replay();
    feed_.launched();
  }

  // Throws what goes wrong, when the stream is no longer captured.
  void capture(at::cuda::MempoolId_t pool, const StepGraphs::Body& body) {
    std::exception_ptr failure;
    recorder_.begin_capture({.mark = [this](std::size_t i) { marks_.capture_mark(i); },
                             .place = [this](std::size_t i) { return marks_.place(i); }});
    try {
      // Only this thread's calls are restricted: a loader's thread may do what it likes.
      graph_.capture_begin(pool, cudaStreamCaptureModeThreadLocal);
      feed_.capture(marks_.count(), recorder_.offer_mark());
      numbers_ = body(feed_.inputs(), feed_.targets());
      phases_ = recorder_.end_capture();
      marks_.capture_end(phases_.size(), numbers_.loss, numbers_.norm);
    } catch (...) {
      failure = std::current_exception();
      recorder_.end_capture();
      numbers_ = {};
    }
    try {
      graph_.capture_end();
      ended_ = true;
    } catch (...) {
      if (!failure) failure = std::current_exception();
    }
    if (failure) std::rethrow_exception(failure);
    const EventNodes nodes(graph_.raw_cuda_graph());
    for (const LoggedWork& logged : log_ ? log_->works() : std::vector<LoggedWork>()) {
      const Work::Events events = logged.work->captured_events();
      if (events.start)
        works_.push_back({logged, nodes.of(events.ready), nodes.of(events.start), nodes.of(events.end)});
    }
    graph_.instantiate();
  }
  // Whether LibTorch has taken back what it set up for the capture.
  bool ended() const { return ended_; }

 private:
  // An operation of the step, and the nodes that record when the step came to it, when it began and when it
  // ended.
  struct CapturedWork {
    LoggedWork logged;
    cudaGraphNode_t ready, start, end;
  };

  void set_event(cudaGraphNode_t node, void* event) {
    LOCKSTEP_CUDA_CHECK(cudaGraphExecEventRecordNodeSetEvent(graph_.raw_cuda_graph_exec(), node,
                                                             static_cast<cudaEvent_t>(event)));
  }

  static constexpr std::size_t kMostPhases = 16;
  StepRecorder& recorder_;
  WorkLog* log_;
  BatchFeed feed_;
  StepGraphs::Numbers numbers_;
  ReplayRing marks_{kMostPhases};
  Graph graph_;
  std::vector<StepRecorder::CapturedPhase> phases_;
  std::vector<CapturedWork> works_;
  bool ended_ = false;
};

// After a capture that cannot be ended, LibTorch's allocator and generator remain in capture mode.
void recover(at::cuda::MempoolId_t pool, const at::Generator& generator) {
  cudaGetLastError();
  const c10::DeviceIndex device = c10::cuda::current_device();
  try {
    c10::cuda::CUDACachingAllocator::endAllocateToPool(device, pool);
    c10::cuda::CUDACachingAllocator::releasePool(device, pool);
  } catch (const c10::Error&) {  // it had come so far
  }
  at::Generator current = at::cuda::detail::getDefaultCUDAGenerator();
  current.graphsafe_set_state(generator.graphsafe_get_state());
}

#endif

}  // namespace

#ifdef LOCKSTEP_WITH_CUDA

// The memory that captured steps share: they run one after the other.
struct StepGraphs::Pool {
  at::cuda::MempoolId_t id = at::cuda::graph_pool_handle();
};

std::string StepGraphs::capture(const Key& key, const torch::Tensor& inputs, const torch::Tensor& targets,
                                const Body& body) {
  if constexpr (kAdjustable) {
    const at::Generator generator = at::cuda::detail::getDefaultCUDAGenerator().clone();
    // The captured step gets memory of its own: what uncaptured ones have left over goes back first.
    c10::cuda::CUDACachingAllocator::emptyCache();
    auto step = std::make_unique<GraphStep<at::cuda::CUDAGraph>>(recorder_, log_, inputs, targets);
    // Captured operations are no part of the step before.
    const auto clear_log = [this] {
      if (log_) log_->clear();
    };
    clear_log();
    try {
      step->capture(pool_->id, body);
      clear_log();
    } catch (const std::exception& error) {
      const bool ended = step->ended();
      clear_log();
      step.reset();
      disable();
      if (!ended) recover(pool_->id, generator);
      return first_line(error);
    }
    steps_.push_back({key, std::move(step)});
  }
  return {};
}

#else

struct StepGraphs::Pool {};

std::string StepGraphs::capture(const Key&, const torch::Tensor&, const torch::Tensor&, const Body&) {
  return "this build has no CUDA";
}

constexpr bool kAdjustable = false;

#endif

StepGraphs::StepGraphs(bool enabled, StepRecorder& recorder, WorkLog* log)
    : enabled_(enabled && kAdjustable),
      recorder_(recorder),
      log_(log),
      pool_(enabled_ ? std::make_unique<Pool>() : nullptr) {}

StepGraphs::~StepGraphs() = default;

StepGraphs::Step* StepGraphs::find(const Key& key) const {
  for (const Entry& entry : steps_)
    if (entry.key == key) return entry.step.get();
  return nullptr;
}

bool StepGraphs::ran(const Key& key) {
  if (!enabled_ || steps_.size() == kMostSteps) return false;
  for (Seen& seen : seen_)
    if (seen.key == key) return ++seen.times >= kUncaptured;
  if (seen_.size() < kMostShapes) seen_.push_back({key, 1});
  return false;
}

void StepGraphs::disable() {
  enabled_ = false;
  if (!steps_.empty()) recorder_.settle();  // what they have marked lies with them
  steps_.clear();
}

std::string graph_obstacle(const Setup& setup) {
  if (!setup.device.is_cuda()) return "the run is not on a GPU";
  if (!kAdjustable) return "LibTorch before 2.9 does not show the graphs that it captures";
  if (setup.mode != Mode::sequential && setup.mode != Mode::data_parallel)
    return fmt::format("in mode {} the host takes part in every step", name_of(setup.mode));
  const BackendKind backend = setup.communicator->backend();
  if (backend != BackendKind::self && backend != BackendKind::nccl)
    return fmt::format("over {} the host takes part in every step", name_of(backend));
  if (setup.config.training.accumulate > 1) return "a step of several passes is not captured";
  if (setup.config.parallel.ablation == Ablation::comm_only) return "parallel.ablation is comm_only";
  if (setup.config.parallel.shard == Sharding::gradients)
    return "parallel.shard is gradients, of which the buffers are not captured";
  return {};
}

}  // namespace lockstep
