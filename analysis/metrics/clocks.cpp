#include "analysis/metrics/clocks.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "analysis/metrics/statistics.hpp"

namespace lockstep {

namespace {

constexpr double kAlwaysAllowed = 0.5e-3;  // seconds
constexpr double kTransfers = 1.5;         // allowed between the first end and the last
constexpr std::size_t kEnough = 2000;      // collectives of two ranks

struct Ends {
  std::vector<double> later, transfer;  // seconds, one entry a collective
};
using EndsOfPairs = std::map<std::pair<std::int32_t, std::int32_t>, Ends>;  // by rank and first of its group

// Of gradient buckets, which nobody's program stands still for: the end of others is that of a wait.
bool ends_together(const CommTable& comm, Collectives::Event event) {
  const std::string& kind = comm.kind[event];
  return comm.bucket[event] >= 0 &&
         (kind == "all_reduce" || kind == "all_gather" || kind == "reduce_scatter");
}

void add(EndsOfPairs& pairs, const CommTable& comm, std::span<const Collectives::Event> members) {
  double transfer = std::numeric_limits<double>::infinity();
  for (const Collectives::Event e : members) transfer = std::min(transfer, comm.end[e] - comm.start[e]);
  for (const Collectives::Event e : members.subspan(1)) {
    Ends& ends = pairs[{comm.rank[e], comm.rank[members[0]]}];
    if (ends.later.size() >= kEnough) continue;
    ends.later.push_back(comm.end[e] - comm.end[members[0]]);
    ends.transfer.push_back(transfer);
  }
}

}  // namespace

std::optional<ClockGap> clock_gap(const CommTable& comm, const Collectives& collectives,
                                  std::span<const double> clock_errors) {
  EndsOfPairs pairs;
  for (std::size_t c = 0; c < collectives.size(); ++c)
    if (collectives.is_whole(c) && ends_together(comm, collectives.members(c)[0]))
      add(pairs, comm, collectives.members(c));
  const auto error_of = [&](std::int32_t rank) {
    const auto place = static_cast<std::size_t>(rank);
    return place < clock_errors.size() ? clock_errors[place] : 0;
  };
  std::optional<ClockGap> largest;
  for (const auto& [ranks, ends] : pairs) {
    const ClockGap gap{ranks.first, ranks.second, median(ends.later),
                       std::max(kAlwaysAllowed, kTransfers * median(ends.transfer)) + error_of(ranks.first) +
                           error_of(ranks.second)};
    if (std::abs(gap.seconds) <= gap.bound) continue;
    if (!largest || std::abs(gap.seconds) > std::abs(largest->seconds)) largest = gap;
  }
  return largest;
}

}  // namespace lockstep
