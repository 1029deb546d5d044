#include "analysis/metrics/waiting.hpp"

#include <algorithm>
#include <numeric>
#include <unordered_map>

namespace lockstep {

namespace {

// The events of one collective, one a rank; -1 where a rank has none.
using Members = std::vector<std::int64_t>;

std::unordered_map<std::int64_t, Members> by_sequence(const CommTable& comm, std::int64_t ranks,
                                                      std::int64_t steps) {
  std::unordered_map<std::int64_t, Members> collectives;
  for (std::size_t i = 0; i < comm.size(); ++i) {
    if (comm.rank[i] < 0 || comm.rank[i] >= ranks || comm.step[i] < 0 || comm.step[i] >= steps) continue;
    Members& members = collectives[comm.sequence[i]];
    members.resize(static_cast<std::size_t>(ranks), -1);
    members[static_cast<std::size_t>(comm.rank[i])] = static_cast<std::int64_t>(i);
  }
  return collectives;
}

void add(WaitingTimes& times, const CommTable& comm, const Members& members) {
  std::vector<double> durations;
  for (const std::int64_t event : members) {
    const auto i = static_cast<std::size_t>(event);
    durations.push_back(comm.end[i] - comm.start[i]);
  }
  const CollectiveSplit split = split_collective(durations);
  const auto first = static_cast<std::size_t>(members.front());
  const auto step = static_cast<std::size_t>(comm.step[first]);
  times.transfer[step] += split.transfer;
  times.wait[step] +=
      std::accumulate(split.waits.begin(), split.waits.end(), 0.0) / static_cast<double>(durations.size());
  ++times.last[split.straggler];
  ++times.matched;
  if (comm.kind[first] != "all_reduce") return;
  times.bytes += static_cast<double>(comm.bytes[first]);
  times.seconds += split.transfer;
}

}  // namespace

CollectiveSplit split_collective(std::span<const double> durations) {
  CollectiveSplit split;
  if (durations.empty()) return split;
  const auto shortest = std::min_element(durations.begin(), durations.end());
  split.transfer = *shortest;
  split.straggler = static_cast<std::size_t>(shortest - durations.begin());
  for (const double d : durations) split.waits.push_back(d - split.transfer);
  return split;
}

WaitingTimes match_collectives(const CommTable& comm, std::int64_t ranks, std::int64_t steps) {
  WaitingTimes times;
  times.transfer.assign(static_cast<std::size_t>(steps), 0);
  times.wait.assign(static_cast<std::size_t>(steps), 0);
  times.last.assign(static_cast<std::size_t>(ranks), 0);
  for (const auto& [sequence, members] : by_sequence(comm, ranks, steps)) {
    const bool whole =
        std::none_of(members.begin(), members.end(), [](std::int64_t event) { return event < 0; });
    if (whole)
      add(times, comm, members);
    else
      ++times.unmatched;
  }
  return times;
}

}  // namespace lockstep
