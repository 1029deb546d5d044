// The verdict: a few sentences, each derived by one rule from numbers that the report shows.
#pragma once

#include <string>
#include <vector>

#include "analysis/metrics/budget.hpp"
#include "analysis/model/analysis.hpp"

namespace lockstep {

enum class Outcome { faster, slower, undecided };

// By the interval: it lies above 1, below 1, or holds it. A single launch on either side decides nothing.
Outcome outcome_of(const Estimate& speedup);

// "about 4 more launches of each would decide": of an undecided comparison.
std::string what_would_decide(const GroupSummary& group, const Comparison& comparison,
                              const GroupSummary& baseline);

// "ddp x2 is 1.42 times as fast as seq ..."
std::string speedup_sentence(const GroupSummary& group, const Comparison& comparison,
                             const GroupSummary& baseline);

// "Of the 1.23 ms that a step takes beyond the ideal 2.05 ms, 61 % goes into ...", and why, where most goes into
// longer passes; "" when there is nothing to tell.
std::string lost_time_sentence(const GroupSummary& group, const WorkloadSummary& workload,
                               const GroupSummary& baseline);

// "waiting for the loader", "the optimizer, which every rank runs in full" and the like.
std::string words_for(LossPart part, const Launch& launch);

// What is said of one group: why it cannot be used, or its speedup, lost time and learning; of a baseline nothing.
std::vector<std::string> group_sentences(const GroupSummary& group, const WorkloadSummary& workload,
                                         const Analysis& analysis);

std::vector<std::string> verdict(const Analysis& analysis);

}  // namespace lockstep
