#include "analysis/metrics/waiting.hpp"

#include <algorithm>
#include <map>
#include <numeric>

#include "analysis/metrics/statistics.hpp"

namespace lockstep {

namespace {

constexpr double kRoamingExcess = 1.5;  // times the share that each rank would have

class Matching {
 public:
  Matching(const CommTable& comm, std::int64_t ranks, std::int64_t steps, std::int64_t first_steady_step)
      : comm_(comm), ranks_(static_cast<double>(ranks)), first_steady_step_(first_steady_step) {
    times_.transfer.assign(static_cast<std::size_t>(steps), 0);
    times_.wait.assign(static_cast<std::size_t>(steps), 0);
    times_.last.assign(static_cast<std::size_t>(ranks), 0);
    times_.caused.assign(static_cast<std::size_t>(ranks), 0);
    for (std::size_t i = 0; i < comm.bucket.size(); ++i)
      if (comm.bucket[i] >= 0 && comm.kind[i] == "reduce_scatter") times_.reduced_by = comm.kind[i];
  }

  void add_unmatched() { ++times_.unmatched; }

  void add(std::span<const Collectives::Event> members) {
    durations_.clear();
    for (const Collectives::Event i : members) durations_.push_back(comm_.end[i] - comm_.start[i]);
    const CollectiveSplit split = split_collective(durations_);
    const double wait = std::accumulate(split.waits.begin(), split.waits.end(), 0.0) / ranks_;
    const Collectives::Event first = members.front();
    const auto step = static_cast<std::size_t>(comm_.step[first]);
    times_.transfer[step] += split.transfer * static_cast<double>(members.size()) / ranks_;
    times_.wait[step] += wait;
    ++times_.matched;
    if (comm_.step[first] < first_steady_step_) return;
    const auto straggler = static_cast<std::size_t>(comm_.rank[members[split.straggler]]);
    ++times_.last[straggler];
    times_.caused[straggler] += wait;
    if (comm_.kind[first] != times_.reduced_by) return;
    times_.bytes += static_cast<double>(comm_.bytes[first]);
    times_.seconds += split.transfer;
    times_.reduced_ranks = std::max(times_.reduced_ranks, std::ssize(members));
    by_size_[comm_.bytes[first]].push_back(split.transfer);
  }

  WaitingTimes finish() {
    for (const auto& [bytes, transfers] : by_size_)
      times_.reductions.push_back(
          {static_cast<double>(bytes), median(transfers), static_cast<double>(transfers.size())});
    return std::move(times_);
  }

 private:
  const CommTable& comm_;
  double ranks_;
  std::int64_t first_steady_step_;
  WaitingTimes times_;
  std::vector<double> durations_;
  std::map<std::int64_t, std::vector<double>> by_size_;  // transfer times of the reductions
};

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

WaitingTimes match_collectives(const CommTable& comm, const Collectives& collectives,
                               std::int64_t first_steady_step) {
  Matching matching(comm, collectives.ranks(), collectives.steps(), first_steady_step);
  for (std::size_t c = 0; c < collectives.size(); ++c) {
    if (collectives.is_whole(c))
      matching.add(collectives.members(c));
    else
      matching.add_unmatched();
  }
  return matching.finish();
}

Lateness lateness(std::span<const double> caused) {
  const double all = std::accumulate(caused.begin(), caused.end(), 0.0);
  if (caused.size() < 2 || !(all > 0)) return {};
  const auto most = std::max_element(caused.begin(), caused.end());
  Lateness result{Straggler::uneven, static_cast<std::size_t>(most - caused.begin()), *most / all};
  const double even = 1 / static_cast<double>(caused.size());
  if (result.share >= kPersistentShare)
    result.kind = Straggler::persistent;
  else if (result.share <= kRoamingExcess * even)
    result.kind = Straggler::roaming;
  return result;
}

}  // namespace lockstep
