// Turns the traces of a run's ranks into one run file. Internal to analysis/import except ImportFacts.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "analysis/import/kineto_ranks.hpp"
#include "results/run_data.hpp"

namespace lockstep {

// Facts that a trace lacks, given by the user; empty, 0 or NaN: not given.
struct ImportFacts {
  std::string mode, model, data, hardware;
  std::string like;        // a run file: model, data, batch and hardware are those of this run
  std::int64_t batch = 0;  // samples of a step, of all ranks
  std::int64_t nodes = 0;
  double loss = std::numeric_limits<double>::quiet_NaN();
  std::string step_name = "ProfilerStep";
};

struct TraceRun {
  RunData run;
  std::vector<std::string> notes;  // assumptions and unknowns, one sentence each
};

// traces: of one run, different ranks each. Error(bad_input) naming the traces that do not belong together.
TraceRun run_of_traces(const std::vector<RankTrace>& traces, const ImportFacts& facts);

}  // namespace lockstep
