// One clock for the ranks of an imported run. Internal to analysis/import.
#pragma once

#include <string>
#include <vector>

#include "results/run_data.hpp"

namespace lockstep {

// Nobody measured how far the ranks' clocks are apart, but an all-reduce of gradients ends on all ranks at about
// one time. Where a rank's end later or earlier than the first rank's by more than a transfer explains
// (metrics/clocks.hpp), all its times are shifted by the median, which becomes its clock_offset. Returns a
// sentence for each.
std::vector<std::string> align_clocks(RunData& run);

}  // namespace lockstep
