// The progress of a run in progress, from its file.
#pragma once

#include <cstdint>
#include <optional>

#include "analysis/runs/launch.hpp"

namespace lockstep {

struct RunProgress {
  std::int64_t done = 0,
               total = 0;  // epochs, or steps where training.steps says how many; total 0: not known
  bool in_steps = false;
  double comm_share = 0;       // of the steps' wall time
  std::optional<double> left;  // seconds; nothing where nothing is done yet, or the total is not known
};

// elapsed: seconds from the run's start until its file grew last; since: seconds from then to now.
RunProgress progress_of(const Launch& launch, double elapsed, double since);

}  // namespace lockstep
