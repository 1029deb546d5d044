// Which rank the others wait for, and on what it spends more time than they do.
#pragma once

#include <cstdint>
#include <optional>

#include "analysis/metrics/budget.hpp"
#include "analysis/metrics/waiting.hpp"
#include "analysis/runs/group.hpp"

namespace lockstep {

// Of the steady steps of all launches of a group; seconds of a mean step.
struct LateRank {
  Lateness lateness;
  double wait = 0;                  // what the mean rank waits in collectives
  LossPart phase = LossPart::data;  // data, h2d, compute, optimizer or other: where the rank differs most
  double seconds = 0, others = 0;   // of that phase: the rank's, and the median of the other ranks
  bool role = false;                // the mode makes it late (a parameter server): not a fault of the rank
  double longer() const { return seconds / others - 1; }
};

// The ranks beside one of so many, for people.
inline const char* the_others(std::int64_t ranks) { return ranks == 2 ? "the other" : "the others"; }

// "always the same", "roams", "some more than others".
const char* words_for(Straggler kind);

// Nothing for one rank, without events, where nobody waits, or where a model is split: stages differ in what
// they do, and wait for each other by design.
std::optional<LateRank> late_rank(const LaunchGroup& group);

}  // namespace lockstep
