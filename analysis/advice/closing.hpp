// Whether parallel training pays: which groups stand first, and the last sentence of the verdict.
#pragma once

#include <string>
#include <vector>

#include "analysis/advice/verdict.hpp"
#include "analysis/model/analysis.hpp"

namespace lockstep {

struct Standing {
  bool parallel = false, measured = false;  // whether anything ran on several ranks; whether it can be used
  bool refused = false;                     // whether the speedup of something that can be used is refused
  // Of those with a speedup: the fastest that certainly pays; else the fastest of which nothing is certain; else
  // the fastest. Null: none has a speedup.
  const GroupSummary* best = nullptr;
  Outcome outcome = Outcome::undecided;    // of best
  std::vector<const GroupSummary*> first;  // where it pays: best, and what differs from it by nothing certain
  std::vector<const GroupSummary*> unknown;  // where it pays: what seems faster, and nothing is certain of it
  std::vector<const GroupSummary*> untold;   // trained on several ranks, and cannot be used or compared
};
Standing standing_of(const WorkloadSummary& workload, const Analysis& analysis);

// Three answers: it pays, with the fastest groups, those that differ by nothing certain being named together;
// it does not; or it cannot be said yet, with what would decide.
std::string closing_sentence(const WorkloadSummary& workload, const Analysis& analysis);

}  // namespace lockstep
