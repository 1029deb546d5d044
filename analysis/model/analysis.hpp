// Analysis: everything that outputs show, from the runs to the claims.
#pragma once

#include <string>
#include <vector>

#include "analysis/model/compare.hpp"
#include "analysis/model/run_set.hpp"
#include "analysis/model/summary.hpp"

namespace lockstep {

struct Analysis {
  RunSet runs;
  std::vector<Workload> workloads;         // point into runs
  std::vector<WorkloadSummary> summaries;  // point into workloads
  Baseline baseline = Baseline::seq;       // which of the two a report leads with

  Analysis(RunSet set, Baseline lead);
  Analysis(Analysis&&) = default;
  Analysis(const Analysis&) = delete;  // the pointers would stay with the original
  Analysis& operator=(const Analysis&) = delete;

  const Comparison& comparison(const GroupSummary& group) const {
    return baseline == Baseline::seq ? group.against_seq : group.against_one;
  }
};

// A finding and its subject: a run's path, a group's label, or "ddp x2 against seq".
struct ReportedFinding {
  std::string subject;
  const Finding* finding;
};
// Refusals first; within them those of the runs left out, of the groups, of the pairs.
std::vector<ReportedFinding> all_findings(const Analysis& analysis);

bool has_invalid_run(const Analysis& analysis);
bool has_refusal(const Analysis& analysis);

}  // namespace lockstep
