#include "analysis/render/trace_events.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "analysis/render/escape.hpp"

namespace lockstep {

void TraceEvents::name(TraceLane lane, const std::string& name) {
  const char* what = lane.thread == 0 ? "process_name" : "thread_name";
  const char* order = lane.thread == 0 ? "process_sort_index" : "thread_sort_index";
  const std::string place = fmt::format("\"ph\":\"M\",\"pid\":{},\"tid\":{}", lane.process, lane.thread);
  events_.push_back(
      {0, fmt::format("{{\"name\":\"{}\",{},\"args\":{{\"name\":{}}}}}", what, place, json_quoted(name))});
  events_.push_back({0, fmt::format("{{\"name\":\"{}\",{},\"args\":{{\"sort_index\":{}}}}}", order, place,
                                    lane.thread == 0 ? lane.process : lane.thread)});
}

void TraceEvents::span(TraceLane lane, const std::string& name, const char* category, double begin,
                       double end, const Json& arguments) {
  const double from = microseconds(begin);
  events_.push_back(
      {from, fmt::format("{{\"name\":{},\"cat\":\"{}\",\"ph\":\"X\",\"ts\":{:.3f},\"dur\":{:.3f},\"pid\":{},"
                         "\"tid\":{},\"args\":{}}}",
                         json_quoted(name), category, from, std::max(0.0, microseconds(end) - from),
                         lane.process, lane.thread, json_line(arguments))});
}

void TraceEvents::flow(TraceLane lane, char phase, std::int64_t id, double time) {
  const double at = microseconds(time);
  events_.push_back(
      {at, fmt::format("{{\"name\":\"collective\",\"cat\":\"flow\",\"ph\":\"{}\",\"id\":{},\"ts\":{:.3f},"
                       "\"pid\":{},\"tid\":{}{}}}",
                       phase, id, at, lane.process, lane.thread, phase == 'f' ? ",\"bp\":\"e\"" : "")});
}

void TraceEvents::flush() {
  std::stable_sort(events_.begin(), events_.end(),
                   [](const Event& a, const Event& b) { return a.time < b.time; });
  for (const Event& event : events_) {
    out_ << (first_ ? "\n" : ",\n") << event.text;
    first_ = false;
  }
  events_.clear();
}

}  // namespace lockstep
