// Traces of the ranks of one run become one run file. Internal to analysis/import but for ImportFacts.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "analysis/import/kineto_steps.hpp"
#include "results/run_data.hpp"

namespace lockstep {

// What a trace does not carry, as the user gives it; empty, 0 or NaN: not given.
struct ImportFacts {
  std::string mode, model, data, hardware;
  std::string like;        // a run file: model, data, batch and hardware are those of this run
  std::int64_t batch = 0;  // samples of a step, of all ranks
  double loss = std::numeric_limits<double>::quiet_NaN();
  std::string step_name = "ProfilerStep";
};

struct TraceRun {
  RunData run;
  std::vector<std::string> notes;  // what was assumed, and what is not known; one sentence each
};

// One rank's trace: its steps, and of the rest its names and facts alone.
struct RankTrace {
  KinetoTrace trace;
  RankSteps steps;
};
RankTrace read_rank_trace(const std::string& path, const std::string& step_name);

// traces: of one run, different ranks each. Error(bad_input) naming the traces that do not belong together.
TraceRun run_of_traces(const std::vector<RankTrace>& traces, const ImportFacts& facts);

// The traces that belong to one run: of one folder, which begin with the same step. A trace of a run of one
// rank is a run of its own. Error(bad_input) where a rank has two traces, or is not known.
std::vector<std::vector<RankTrace>> runs_of_traces(std::vector<RankTrace> traces);

}  // namespace lockstep
