// Classifies the events of a Kineto trace, and keeps those that show where a step's time goes. Internal to
// analysis/import.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "analysis/import/kineto_trace.hpp"

namespace lockstep {

// One event as the file has it, as far as it is used.
struct TraceEvent {
  char phase = 0;  // 'X': with begin and duration
  std::string name, category;
  std::optional<std::int64_t> begin, duration;  // nanoseconds
  std::int64_t thread = 0, correlation = -1;
  std::int64_t elements_in = 0, elements_out = 0;
  std::string collective, dtype, group;
  void clear();
};

class TraceBuilder {
 public:
  TraceBuilder(KinetoTrace& trace, std::string step_name);

  // Error(bad_input) with the event's number for times that are none, and for more than can be kept.
  void take(const TraceEvent& event);
  void finish();  // everything in order of time

 private:
  void take_host(const TraceEvent& event, const TraceSpan& span);
  void take_device(const TraceEvent& event, const TraceSpan& span);
  bool take_step(const TraceEvent& event, const TraceSpan& span);
  TraceSpan span_of(const TraceEvent& event) const;
  TraceCollective collective_of(const TraceEvent& event, const TraceSpan& span, const std::string& name);
  std::int32_t thread_of(std::int64_t id);

  KinetoTrace& trace_;
  std::string step_name_;
  std::map<std::int64_t, std::int32_t> threads_;
  std::map<std::string, std::int32_t> kinds_, groups_;
  std::uint64_t events_ = 0, kept_ = 0;
};

// The name of a collective as we write it, of "allreduce", "_allgather_base", "ncclDevKernel_AllReduce_Sum...";
// "" for one that is not known.
std::string collective_kind(const std::string& name);

// Bytes of an element of PyTorch's "Float", "BFloat16", "c10::Half"; 0: not known.
std::int64_t bytes_of_dtype(const std::string& name);

}  // namespace lockstep
