// One run as a trace in the JSON format of Chrome's trace viewer, which Perfetto reads: a process a rank,
// lanes for computation, communication and waiting, arrows between the parts of one collective. Format:
// "Trace Event Format", Google; only complete (X), metadata (M) and flow (s, t, f) events are used.
#pragma once

#include <cstdint>
#include <ostream>

#include "results/run_data.hpp"

namespace lockstep {

// Steps first to last - 1.
struct StepWindow {
  std::int64_t first = 0, last = 0;
};

// kWindowSteps steady steps around the one whose wall time is the median. warmup: steps left out at the
// beginning.
StepWindow median_window(const StepTable& steps, std::int64_t warmup);
inline constexpr std::int64_t kWindowSteps = 10;

// Writes step by step: memory does not grow with the window. The window is clipped to the run's steps. Times
// are microseconds since the window's begin; within a lane they do not go back, and no two spans overlap.
void write_trace(std::ostream& out, const RunData& run, StepWindow window);

}  // namespace lockstep
