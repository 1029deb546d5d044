// Two runs of one training as one: the first up to the checkpoint that the second went on from, then the
// second.
#pragma once

#include <cstdint>

#include "results/run_data.hpp"

namespace lockstep {

// after went on from before, on as many ranks, and before holds all steps and epochs up to that checkpoint.
// Times go on where those of the first end: the gap between the runs is none of training.
RunData join_runs(RunData before, RunData after);

// Seconds from the end of the last of the first `kept` steps of `before` to the start of `after`; NaN where
// one does not say when it began.
double gap_between(const RunData& before, const RunData& after, std::int64_t kept);

}  // namespace lockstep
