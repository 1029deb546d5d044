// Splits the time in collectives into transfer and waiting for a late rank. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "analysis/metrics/collectives.hpp"
#include "analysis/metrics/link_model.hpp"
#include "results/run_data.hpp"

namespace lockstep {

// One collective as seen by all ranks. The rank that arrives last does not wait, so the shortest duration is
// the transfer and that rank is the straggler.
struct CollectiveSplit {
  double transfer = 0;        // seconds
  std::vector<double> waits;  // [ranks], seconds
  std::size_t straggler = 0;
};
CollectiveSplit split_collective(std::span<const double> durations);

// All collectives of a run, matched across ranks by their sequence numbers.
struct WaitingTimes {
  std::vector<double> transfer, wait;  // [steps], seconds, means over ranks
  std::int64_t matched = 0;            // collectives that every rank of their group recorded
  std::int64_t unmatched = 0;          // others, left out

  // From here on of the steady steps only.
  std::vector<std::int64_t> last;         // [ranks], collectives in which the rank arrived last
  std::vector<double> caused;             // [ranks], seconds that the mean rank waited in those
  std::string reduced_by = "all_reduce";  // what reduces the gradient buckets: all_reduce or reduce_scatter
  double bytes = 0, seconds = 0;          // of those that matched: message sizes and transfer times
  std::ptrdiff_t reduced_ranks = 0;       // of their group
  std::vector<MessageTime> reductions;    // one a message size: the median of its transfer times
};
WaitingTimes match_collectives(const CommTable& comm, const Collectives& collectives,
                               std::int64_t first_steady_step = 0);

// Who causes the waiting. persistent: one rank causes three fifths of it or more; roaming: no rank causes
// more than 1.5 times its share; uneven: in between.
enum class Straggler { none, persistent, roaming, uneven };
struct Lateness {
  Straggler kind = Straggler::none;
  std::size_t rank = 0;  // the one that causes most
  double share = 0;      // of the waiting, caused by it
};
inline constexpr double kPersistentShare = 0.6;
// caused: WaitingTimes::caused, or a sum of several. none: fewer than two ranks, or nobody waits.
Lateness lateness(std::span<const double> caused);

}  // namespace lockstep
