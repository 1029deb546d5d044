// The last sentence of the verdict: whether parallel training pays.
#pragma once

#include <string>

#include "analysis/model/analysis.hpp"

namespace lockstep {

// Three answers: it pays, with the fastest groups, those that differ by nothing certain being named together;
// it does not; or it cannot be said yet, with what would decide.
std::string closing_sentence(const WorkloadSummary& workload, const Analysis& analysis);

}  // namespace lockstep
