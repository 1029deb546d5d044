// The steps of one rank's trace: how long each took, on what, and which collectives it made. Internal to
// analysis/import.
#pragma once

#include <cstdint>
#include <vector>

#include "analysis/import/kineto_trace.hpp"
#include "results/step_columns.hpp"

namespace lockstep {

struct StepCollective {
  std::int32_t step = 0;               // index into RankSteps::rows
  std::int32_t kind = -1, group = -1;  // as in the trace; -1: not said
  std::int32_t bucket = -1;            // of the gradients that a backward pass sends, in their order
  std::int64_t bytes = 0;
  std::int64_t ready = 0, start = 0, end = 0;  // nanoseconds on the trace's scale
};

struct RankSteps {
  bool on_device = false;
  std::vector<std::int64_t> numbers;  // ascending
  std::vector<TraceSpan> windows;
  std::vector<StepRow> rows;  // times in seconds but `start`, which the windows have; no samples and losses
  std::vector<double> backward_offsets;  // seconds from a step's begin to its backward pass; NaN: it has none
  std::vector<StepCollective> collectives;  // in order of their calls
};

// On a device: a step begins when the host has begun it and the device has done the work of the steps before;
// forward, backward and optimizer are the union of their kernels (and, where none of these nor communication
// runs, of their copies on the device), by the phase of the host that launched them; comm_exposed is
// communication that no kernel covers; `other` is the device standing idle. On a CPU: a step begins when the
// host begins it; the phases are those of the host without comm_exposed, which is communication, and standing
// still for it, while no operator runs. Error(bad_input) naming the file for a trace without steps.
RankSteps rank_steps(const KinetoTrace& trace);

}  // namespace lockstep
