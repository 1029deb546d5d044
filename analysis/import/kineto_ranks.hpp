// Traces, one per rank, and which of them belong to one run. Internal to analysis/import.
#pragma once

#include <string>
#include <vector>

#include "analysis/import/kineto_steps.hpp"

namespace lockstep {

// One rank's trace: its steps, and of the rest its names and facts alone.
struct RankTrace {
  KinetoTrace trace;
  RankSteps steps;
};
RankTrace read_rank_trace(const std::string& path, const std::string& step_name);

// The traces that belong to one run: of one folder, and of the same steps. A trace of a run of one rank is a run
// of its own. Error(bad_input) where a rank has two traces of the same steps, or is not known.
std::vector<std::vector<RankTrace>> runs_of_traces(std::vector<RankTrace> traces);

}  // namespace lockstep
