// What the host program was doing at each moment, from the marks and operators of its trace. Internal to
// analysis/import.
#pragma once

#include <map>
#include <vector>

#include "analysis/import/kineto_trace.hpp"

namespace lockstep {

// Within a step: fetching data, the optimizer and passes where somebody marked them; else backward while
// autograd runs and between its operators, forward before the last backward pass of the step and the
// optimizer's after it. A step without a backward pass is forward. Between steps: none. On a CPU wait,
// from the end of a backward pass whose collectives have not ended until the next operator.
class HostTimeline {
 public:
  HostTimeline(const KinetoTrace& trace, const std::vector<TraceStep>& steps);

  HostPhase at(std::int64_t time) const;
  // The parts of a window in which the phase ran.
  std::vector<TraceSpan> spans(HostPhase phase, const TraceSpan& window) const;

 private:
  void paint(const TraceSpan& span, HostPhase phase);
  void paint_marks(const KinetoTrace& trace, HostPhase phase);
  void paint_waits(const KinetoTrace& trace, const std::vector<TraceSpan>& passes, std::int32_t main_thread);

  std::map<std::int64_t, HostPhase> begins_;  // a phase lasts until the next begins
};

}  // namespace lockstep
