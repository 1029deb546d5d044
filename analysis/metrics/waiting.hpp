// How the time in collectives splits into transfer and waiting for a late rank. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "results/run_data.hpp"

namespace lockstep {

// One collective seen by all ranks. The rank that arrives last waits for nobody, so the shortest duration is
// the transfer and that rank is the straggler.
struct CollectiveSplit {
  double transfer = 0;        // seconds
  std::vector<double> waits;  // [ranks], seconds
  std::size_t straggler = 0;
};
CollectiveSplit split_collective(std::span<const double> durations);

// All collectives of a run, matched across ranks by their sequence numbers.
struct WaitingTimes {
  std::vector<double> transfer, wait;  // [steps], seconds; wait is the mean over ranks
  std::vector<std::int64_t> last;      // [ranks], collectives in which the rank arrived last
  std::int64_t matched = 0;            // collectives that every rank recorded
  std::int64_t unmatched = 0;          // others, left out
  double bytes = 0, seconds = 0;       // of the matched all-reduces: message sizes and transfer times
};
WaitingTimes match_collectives(const CommTable& comm, std::int64_t ranks, std::int64_t steps);

}  // namespace lockstep
