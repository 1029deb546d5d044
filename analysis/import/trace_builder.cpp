#include "analysis/import/trace_builder.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <string_view>
#include <tuple>

#include "base/error.hpp"

namespace lockstep {

namespace {

// What is kept takes up to 40 bytes an event: less than a gigabyte in all.
constexpr std::uint64_t kMostEvents = 200'000'000, kMostKept = 20'000'000;
constexpr std::size_t kMostNames = 10'000;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

bool has(std::string_view text, std::string_view word) { return text.find(word) != std::string_view::npos; }

template <typename Words>
bool starts_with_any(std::string_view text, const Words& words) {
  return std::any_of(words.begin(), words.end(), [&](std::string_view w) { return text.starts_with(w); });
}

bool is_communication_kernel(std::string_view name) {
  constexpr std::array<std::string_view, 4> kBegins = {"nccl", "rccl", "msccl", "void nccl"};
  return starts_with_any(lower(name.substr(0, 16)), kBegins);
}

// Of a back end that works on the host, whose spans last from the call until the result is there.
bool is_host_collective(std::string_view name) {
  constexpr std::array<std::string_view, 3> kBegins = {"gloo:", "mpi:", "ucc:"};
  return starts_with_any(name, kBegins);
}

// Collective calls and waits for them: never compute.
bool is_call(std::string_view name) {
  constexpr std::array<std::string_view, 5> kBegins = {"c10d::", "record_param_comms",
                                                       "nccl:", "_c10d_functional::", "c10d_functional::"};
  return starts_with_any(name, kBegins);
}

HostPhase phase_of_mark(std::string_view name) {
  const std::string text = lower(name.substr(0, 200));
  if (has(text, "dataloader")) return HostPhase::data;
  if (has(text, "optimizer")) return HostPhase::optimizer;
  if (has(text, "backward")) return HostPhase::backward;
  if (has(text, "forward")) return HostPhase::forward;
  return HostPhase::none;
}

template <typename T>
void order(std::vector<T>& spans) {
  std::stable_sort(spans.begin(), spans.end(), [](const T& a, const T& b) {
    return std::tuple(a.begin, -a.end) < std::tuple(b.begin, -b.end);
  });
}

std::int32_t number_of(std::map<std::string, std::int32_t>& known, std::vector<std::string>& names,
                       const std::string& name, const std::string& path) {
  if (name.empty()) return -1;
  const auto [found, fresh] = known.emplace(name, static_cast<std::int32_t>(names.size()));
  if (fresh && names.size() == kMostNames)
    throw input_error("{}: more than {} different collectives or process groups", path, kMostNames);
  if (fresh) names.push_back(name);
  return found->second;
}

}  // namespace

std::string collective_kind(const std::string& name) {
  struct Word {
    const char *word, *kind;
  };
  // The longer ones first: "reduce_scatter" and "allreduce" are no "reduce".
  constexpr Word kWords[] = {{"allreduce", "all_reduce"},
                             {"reducescatter", "reduce_scatter"},
                             {"allgather", "all_gather"},
                             {"alltoall", "all_to_all"},
                             {"broadcast", "broadcast"},
                             {"barrier", "barrier"},
                             {"sendrecv", "send_recv"},
                             {"send", "send"},
                             {"recv", "recv"},
                             {"gather", "gather"},
                             {"scatter", "scatter"},
                             {"reduce", "reduce"}};
  std::string text = lower(std::string_view(name).substr(0, 80));
  std::erase(text, '_');
  for (const Word& w : kWords)
    if (has(text, w.word)) return w.kind;
  return "";
}

std::int64_t bytes_of_dtype(const std::string& name) {
  struct Size {
    const char* words;
    std::int64_t bytes;
  };
  constexpr Size kSizes[] = {{" float float32 int int32 uint32 complexhalf ", 4},
                             {" half float16 bfloat16 short int16 uint16 ", 2},
                             {" double float64 long int64 uint64 complexfloat ", 8},
                             {" byte char bool int8 uint8 ", 1},
                             {" complexdouble ", 16}};
  std::string text = lower(name);
  text.erase(0, text.rfind(':') + 1);
  if (text.starts_with("long")) return 8;  // "long int"
  text.erase(0, text.rfind(' ') + 1);      // "unsigned char"
  if (text.empty()) return 0;
  for (const Size& size : kSizes)
    if (has(size.words, " " + text + " ")) return size.bytes;
  return text.starts_with("float8") ? 1 : 0;
}

void KinetoTrace::forget_events() {
  steps = {};
  marks = {};
  ops = {};
  launches = {};
  tasks = {};
  collectives = calls = {};
}

void TraceEvent::clear() {
  phase = 0;
  for (std::string* text : {&name, &category, &collective, &dtype, &group}) text->clear();
  begin.reset();
  duration.reset();
  thread = elements_in = elements_out = 0;
  correlation = -1;
}

TraceBuilder::TraceBuilder(KinetoTrace& trace, std::string step_name)
    : trace_(trace), step_name_(std::move(step_name)) {}

void TraceBuilder::take(const TraceEvent& event) {
  if (++events_ > kMostEvents)
    throw input_error("{}: holds more than {} events, the most that are read; profile fewer steps",
                      trace_.path, kMostEvents);
  if (event.phase != 'X' || event.name.empty()) return;
  const std::string category = lower(event.category);
  if (category == "cpu_op" || category == "operator" || category == "user_annotation")
    return take_host(event, span_of(event));
  if (category == "kernel" || category == "gpu_memcpy" || category == "memcpy" || category == "gpu_memset" ||
      category == "memset")
    return take_device(event, span_of(event));
  if ((has(category, "runtime") || has(category, "driver")) && event.correlation >= 0) {
    ++kept_;
    trace_.launches.push_back({event.correlation, span_of(event).begin, thread_of(event.thread)});
  }
}

TraceSpan TraceBuilder::span_of(const TraceEvent& event) const {
  if (!event.begin)
    throw input_error("{}: event {} ('{}') has no time 'ts'", trace_.path, events_, event.name);
  const std::int64_t duration = event.duration.value_or(0);
  if (duration < 0)
    throw input_error("{}: event {} ('{}') ends before it begins", trace_.path, events_, event.name);
  if (kept_ > kMostKept)
    throw input_error(
        "{}: holds more than {} operators and kernels, the most that are read; profile fewer steps",
        trace_.path, kMostKept);
  return {*event.begin, *event.begin + duration};
}

std::int32_t TraceBuilder::thread_of(std::int64_t id) {
  return threads_.emplace(id, static_cast<std::int32_t>(threads_.size())).first->second;
}

TraceCollective TraceBuilder::collective_of(const TraceEvent& event, const TraceSpan& span,
                                            const std::string& name) {
  TraceCollective c;
  c.begin = span.begin;
  c.end = span.end;
  c.correlation = event.correlation;
  c.bytes = std::max(event.elements_in, event.elements_out) * bytes_of_dtype(event.dtype);
  c.kind = number_of(kinds_, trace_.kinds,
                     collective_kind(event.collective.empty() ? name : event.collective), trace_.path);
  c.group = number_of(groups_, trace_.groups, event.group, trace_.path);
  return c;
}

bool TraceBuilder::take_step(const TraceEvent& event, const TraceSpan& span) {
  if (!event.name.starts_with(step_name_)) return false;
  TraceStep step;
  step.begin = span.begin;
  step.end = span.end;
  step.thread = thread_of(event.thread);
  const char *from = event.name.data() + step_name_.size(), *to = event.name.data() + event.name.size();
  if (from < to && *from == '#') ++from;
  const auto [end, error] = std::from_chars(from, to, step.number);
  if (error != std::errc() || end != to) {
    if (from != to) return false;  // another mark, whose name begins alike
    step.number = -1;              // steps without numbers are counted
  }
  trace_.steps.push_back(step);
  return true;
}

void TraceBuilder::take_host(const TraceEvent& event, const TraceSpan& span) {
  if (take_step(event, span)) return;
  ++kept_;
  const bool collective = is_host_collective(event.name);
  if (collective || is_call(event.name)) {
    TraceCollective c = collective_of(event, span, event.name);
    c.thread = thread_of(event.thread);
    (collective ? trace_.collectives : trace_.calls).push_back(c);
    return;
  }
  const bool backward = event.name.starts_with("autograd::engine::evaluate_function");
  if (event.category == "user_annotation") {
    TraceMark mark;
    mark.begin = span.begin;
    mark.end = span.end;
    mark.phase = phase_of_mark(event.name);
    if (mark.phase != HostPhase::none) trace_.marks.push_back(mark);
    return;
  }
  TraceOp op;
  op.begin = span.begin;
  op.end = span.end;
  op.thread = thread_of(event.thread);
  op.backward = backward;
  trace_.ops.push_back(op);
}

void TraceBuilder::take_device(const TraceEvent& event, const TraceSpan& span) {
  ++kept_;
  const std::string category = lower(event.category);
  const bool kernel = category == "kernel";
  if (kernel && is_communication_kernel(event.name)) {
    TraceCollective c = collective_of(event, span, event.name);
    c.thread = -1;
    trace_.collectives.push_back(c);
    return;
  }
  TraceDeviceTask task;
  task.begin = span.begin;
  task.end = span.end;
  task.correlation = event.correlation;
  task.work = kernel ? DeviceWork::kernel : has(event.name, "HtoD") ? DeviceWork::copy_in : DeviceWork::other;
  trace_.tasks.push_back(task);
}

void TraceBuilder::finish() {
  order(trace_.steps);
  order(trace_.marks);
  order(trace_.ops);
  order(trace_.tasks);
  order(trace_.collectives);
  order(trace_.calls);
  std::stable_sort(trace_.launches.begin(), trace_.launches.end(),
                   [](const TraceLaunch& a, const TraceLaunch& b) { return a.correlation < b.correlation; });
  std::int64_t next = 0;
  // Marks without numbers may lie in one another: the outer ones count.
  std::int64_t end = std::numeric_limits<std::int64_t>::min();
  std::erase_if(trace_.steps, [&](const TraceStep& step) {
    const bool within = step.number < 0 && step.end <= end;
    end = std::max(end, step.end);
    return within;
  });
  for (TraceStep& step : trace_.steps)
    if (step.number < 0) step.number = next++;
}

}  // namespace lockstep
