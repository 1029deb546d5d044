// From one rank's recorded spans and Works to the columns of the run file: total, overlapped and exposed
// communication, and the closed budget. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "plan/schedule.hpp"
#include "results/run_data.hpp"
#include "timing/recorder.hpp"

namespace lockstep {

struct CommInterval {
  std::int32_t step = 0, bucket = -1;
  std::int64_t sequence = 0, bytes = 0;
  std::int32_t kind = 0;  // of CollectiveKind
  double ready = 0, start = 0, end = 0;
  bool blocking = false;  // compute stood still from ready to end
};

// One pass of a micro-batch through a chunk of the model.
struct StagePass {
  std::int32_t step = 0, chunk = 0, micro_batch = 0, direction = 0;  // direction: 0 forward, 1 backward
  double start = 0, end = 0;
};

// Of a step whose forward and backward spans are the actions in their order, over all accumulated passes.
std::vector<StagePass> stage_passes(const StepSpans& spans, const std::vector<Action>& actions,
                                    std::int32_t step);

// Compute is forward, backward and optimizer, less the time in which it stood still for a blocking
// collective. bubble: a stage stood still for want of input and no message was under way. comm: length of the
// union of [start, end); comm_exposed: of that union minus compute, data and h2d. other: what is left of
// wall. on_device: the spans are marks on a device's stream. While that stands still the union has no gaps: a
// blocking collective counts from when it was called, and of a step that communicates the whole phase wait:
// until what is waited for is there, the host has noticed, and the device has come to what it got next. The
// row has the times alone.
StepRow step_row(const StepSpans& spans, const std::vector<CommInterval>& comm, bool on_device);

}  // namespace lockstep
