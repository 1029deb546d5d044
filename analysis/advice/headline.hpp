// The answer in a line or two: whether it pays, by how much, and where most of the rest is lost.
#pragma once

#include <optional>
#include <string>

#include "analysis/advice/closing.hpp"
#include "analysis/model/lost.hpp"

namespace lockstep {

// What a table says of a group in one word: "pays", "does not pay", "cannot be said", "refused", "baseline"; of
// one rank that is nobody's baseline "one rank".
std::string verdict_word(const GroupSummary& group, const WorkloadSummary& workload,
                         const Analysis& analysis);

// Why a group cannot be used, or has no speedup; null: nothing refuses it.
const Finding* refusal_of(const GroupSummary& group, const Comparison& comparison);

// The lost time of a group with a speedup against its baseline; nothing where it is refused, or for one rank.
std::optional<Lost> lost_of(const GroupSummary& group, const WorkloadSummary& workload,
                            const Analysis& analysis);

// The part on which most is lost, where shares mean anything and more is lost than next to nothing.
const LostTime::Part* largest_loss(const Lost& lost);

// "ddp x2 pays: 1.42x (1.09-1.75), 71 % efficient. 46 % of the lost time goes into the all-reduces
// themselves."
std::string headline(const WorkloadSummary& workload, const Analysis& analysis);

}  // namespace lockstep
