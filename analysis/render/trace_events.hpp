// The events of a trace as text, one line each, put in order of time. Internal to trace.cpp.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "analysis/render/json.hpp"

namespace lockstep {

struct TraceLane {
  std::int64_t process = 0, thread = 0;
};

class TraceEvents {
 public:
  // zero: seconds that are to be time 0.
  TraceEvents(std::ostream& out, double zero) : out_(out), zero_(zero) {}

  // name: of a process, or of a thread when lane.thread is not 0.
  void name(TraceLane lane, const std::string& name);
  // A span. arguments: an object.
  void span(TraceLane lane, const std::string& name, const char* category, double begin, double end,
            const Json& arguments);
  // A point of an arrow, in the span that begins at `time`: phase s, t or f.
  void flow(TraceLane lane, char phase, std::int64_t id, double time);

  // Writes what was added since, in order of time.
  void flush();

 private:
  struct Event {
    double time;
    std::string text;
  };
  double microseconds(double seconds) const { return 1e6 * (seconds - zero_); }
  std::ostream& out_;
  double zero_;
  bool first_ = true;
  std::vector<Event> events_;
};

}  // namespace lockstep
