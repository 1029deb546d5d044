// Finds a group's baseline and makes the claims that the rules allow.
#pragma once

#include <vector>

#include "analysis/model/summary.hpp"

namespace lockstep {

enum class Baseline { seq, one_rank };  // train_seq, or one rank of the group's own mode

// Among several candidates: the one with the fewest refusals, then the fewest warnings, then the fastest,
// because the best sequential program is the honest baseline.
Comparison compare_with(const GroupSummary& group, const std::vector<GroupSummary>& candidates,
                        Baseline kind);

}  // namespace lockstep
