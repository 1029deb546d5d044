// Traces as PyTorch's profiler writes them, of which everything is known beforehand.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

namespace lockstep::test {

// The events of one trace; times in microseconds.
class MadeTrace {
 public:
  MadeTrace& event(const std::string& category, const std::string& name, double begin, double duration,
                   int thread = 1, const std::string& arguments = "") {
    events_ += fmt::format(
        R"({}{{"ph": "X", "cat": "{}", "name": "{}", "pid": 5, "tid": {}, "ts": {:.3f}, "dur": {:.3f}, "args": {{{}}}}})",
        events_.empty() ? "" : ",\n", category, name, thread, begin, duration, arguments);
    return *this;
  }
  MadeTrace& step(int number, double begin, double duration) {
    return event("user_annotation", fmt::format("ProfilerStep#{}", number), begin, duration);
  }
  // A kernel on a stream and the call that launched it.
  MadeTrace& kernel(const std::string& name, double called, double begin, double duration, int stream = 7,
                    const std::string& arguments = "", const std::string& category = "kernel") {
    const std::string correlation = fmt::format("\"correlation\": {}", ++correlation_);
    event("cuda_runtime", "cudaLaunchKernel", called, 1, 1, correlation);
    return event(category, name, begin, duration, stream,
                 correlation + (arguments.empty() ? "" : ", " + arguments));
  }
  std::string text(int rank, int ranks, const std::string& backend) const {
    return fmt::format(
        R"({{"schemaVersion": 1, "deviceProperties": [{{"id": 0, "name": "NVIDIA A100-SXM4-40GB"}}], "distributedInfo": {{"backend": "{}", "rank": {}, "world_size": {}}},
"traceEvents": [
{}
], "baseTimeNanoseconds": 1790857026000000000}})",
        backend, rank, ranks, events_);
  }

 private:
  std::string events_;
  int correlation_ = 0;
};

// One of two ranks over gloo, 6 steps of 10 ms: 1 ms of data, a forward pass of 2 ms (and `late` ms on the rank
// that has it), a backward pass of 3 ms at whose end 40,000 bytes are reduced, which takes 1 ms once both ranks
// are there, and 1 ms of optimizer. All that is waited for is exposed.
inline std::string gloo_trace(int rank, double late, double others_late) {
  MadeTrace trace;
  for (int s = 0; s < 6; ++s) {
    const double most = late > others_late ? late : others_late, begin = 1e6 + s * (8100 + 1000 * most);
    const double passes = begin + 1000, backward = passes + 2000 + 1000 * late, end = backward + 3000;
    const double reduced = passes + 2000 + 1000 * most + 3000 + 1000;
    trace.step(s + 4, begin, reduced + 1100 - begin);
    trace.event("user_annotation", "enumerate(DataLoader)#_SingleProcessDataLoaderIter.__next__", begin,
                1000);
    trace.event("user_annotation", "DistributedDataParallel.forward", passes, 2000 + 1000 * late);
    trace.event("cpu_op", "aten::linear", passes, 2000 + 1000 * late);
    trace.event("cpu_op", "autograd::engine::evaluate_function: AddmmBackward0", backward, 1500);
    trace.event("cpu_op", "autograd::engine::evaluate_function: torch::autograd::AccumulateGrad",
                backward + 1600, 1400);
    trace.event("cpu_op", "c10d::allreduce_", end - 20, 10);
    trace.event("user_annotation", "gloo:all_reduce", end, reduced - end, 2,
                R"("Input type": ["float"], "Input Dims": [[[100, 50], [5000]]])");
    trace.event("user_annotation", "Optimizer.step#Adam.step", reduced, 1000);
    trace.event("cpu_op", "aten::add_", reduced + 10, 900);
  }
  return trace.text(rank, 2, "gloo");
}

// One of the ranks over NCCL, 6 steps: a forward kernel of 1 ms, three backward ones of 1 ms, each with an
// all-reduce of 4 MB of 0.5 ms behind it, and an optimizer's of 0.2 ms.
inline std::string nccl_trace(int rank, int ranks) {
  MadeTrace trace;
  for (int s = 0; s < 6; ++s) {
    const double begin = 1e6 + s * 4750;
    trace.step(s, begin, 4750);
    trace.event("cpu_op", "aten::mm", begin, 10);
    trace.kernel("gemm", begin + 5, begin + 10, 1000);
    for (int b = 0; b < 3; ++b) {
      const double at = begin + 1010 + b * 1000;
      trace.event("cpu_op", "autograd::engine::evaluate_function: MmBackward0", begin + 20 + b * 20, 15);
      trace.kernel("gemm", begin + 22 + b * 20, at, 1000);
      trace.kernel(
          "ncclDevKernel_AllReduce_Sum_f32_RING_LL(x)", begin + 25 + b * 20, at + 1000, 500 + b, 20,
          R"("Collective name": "allreduce", "In msg nelems": 1000000, "Out msg nelems": 1000000, "dtype": "Float", "Process Group Name": "0")");
    }
    trace.event("user_annotation", "Optimizer.step#SGD.step", begin + 90, 20);
    trace.kernel("multi_tensor_apply", begin + 95, begin + 4520, 200);
  }
  return trace.text(rank, ranks, "nccl");
}

}  // namespace lockstep::test
