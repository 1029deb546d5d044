// What is kept from a trace of PyTorch's profiler (Kineto, Chrome trace format): one rank's steps, marks,
// operators, kernels and collectives. Times are nanoseconds on the trace's own scale; add `base` for those
// since 1970. Internal to analysis/import.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lockstep {

struct TraceSpan {
  std::int64_t begin = 0, end = 0;
};

// What the host program is doing. `wait`: it waits for gradients. `none`: between steps.
enum class HostPhase : std::uint8_t { none, data, forward, backward, wait, optimizer };

struct TraceStep : TraceSpan {
  std::int64_t number = 0;  // of "ProfilerStep#12"
  std::int32_t thread = 0;
};

// A range that somebody marked, "enumerate(DataLoader)" or "Optimizer.step".
struct TraceMark : TraceSpan {
  HostPhase phase = HostPhase::none;
};

struct TraceOp : TraceSpan {
  std::int32_t thread = 0;
  bool backward = false;  // run by autograd
};

// A call of the CUDA or HIP runtime that may have started something on the device.
struct TraceLaunch {
  std::int64_t correlation = 0, begin = 0;
  std::int32_t thread = 0;
};

enum class DeviceWork : std::uint8_t { kernel, copy_in, other };  // copy_in: from the host
struct TraceDeviceTask : TraceSpan {
  std::int64_t correlation = -1;  // -1: not said
  DeviceWork work = DeviceWork::kernel;
};

// A collective: a kernel of NCCL or RCCL, or a span of gloo on the host; or the host's call of one.
struct TraceCollective : TraceSpan {
  std::int64_t correlation = -1;
  std::int64_t bytes = 0;   // of the message; 0: not said
  std::int32_t thread = 0;  // of the host; of a kernel -1
  std::int32_t kind = -1;   // index into KinetoTrace::kinds; -1: not said
  std::int32_t group = -1;  // index into KinetoTrace::groups; -1: not said
  bool on_device() const { return thread < 0; }
};

struct KinetoTrace {
  std::string path;
  std::int64_t base = 0;
  std::int64_t rank = -1, world_size = 0;  // -1, 0: not said
  std::string backend, library_version, device, host;
  std::vector<std::string> kinds, groups;  // "all_reduce"; names of process groups
  std::vector<TraceStep> steps;            // in order of time
  std::vector<TraceMark> marks;
  std::vector<TraceOp> ops;
  std::vector<TraceLaunch> launches;
  std::vector<TraceDeviceTask> tasks;
  std::vector<TraceCollective> collectives, calls;
  bool on_device() const { return !tasks.empty(); }
  void forget_events();  // keeps names and facts
};

// Streams the file (.json or .json.gz), however large; about 30 bytes per event are kept. step_name: the mark
// of a step, without its number. Error(bad_input), one line naming the file and the place, for what is no
// such trace, damaged, nested too deeply or larger than any trace.
KinetoTrace read_kineto_trace(const std::string& path, const std::string& step_name);

// Whether the file's first bytes are those of such a trace.
bool looks_like_trace(const std::string& path);

}  // namespace lockstep
