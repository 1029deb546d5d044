// CommLog: turns the Works of finished steps into intervals, a few steps late, so that nobody waits for a
// device.
#pragma once

#include <cstdint>
#include <vector>

#include "parallel/work_log.hpp"
#include "record/step_columns.hpp"
#include "timing/clock.hpp"

namespace lockstep {

class CommLog {
 public:
  explicit CommLog(SteadyTime origin) : origin_(origin) {}

  // Takes what the step has logged and empties the log.
  void take(WorkLog& log, std::int32_t step);
  // Reads the times of all steps below `step`; they must have ended.
  void resolve_below(std::int64_t step);
  // Everything read since the last call, in order of enqueueing.
  std::vector<CommInterval> take_intervals();

 private:
  struct Pending {
    LoggedWork logged;
    std::int32_t step;
  };
  SteadyTime origin_;
  std::vector<Pending> pending_;
  std::size_t read_ = 0;  // of pending_
  std::vector<CommInterval> intervals_;
};

}  // namespace lockstep
