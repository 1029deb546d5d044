// Aligns the clocks of an imported run's ranks. Internal to analysis/import.
#pragma once

#include <string>
#include <vector>

#include "results/run_data.hpp"

namespace lockstep {

// Nobody measured the offsets of the ranks' clocks, but an all-reduce of gradients ends on all ranks at about
// the same time. If a rank's end later or earlier than the first rank's by more than a transfer explains
// (metrics/clocks.hpp), all its times are shifted by the median difference, which becomes its clock_offset.
// Returns a sentence for each shift.
std::vector<std::string> align_clocks(RunData& run);

}  // namespace lockstep
