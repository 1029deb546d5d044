#include "apps/sweep/precision.hpp"

#include <algorithm>

#include "analysis/model/analysis.hpp"

namespace lockstep {

namespace {

bool is_wide(const Comparison& comparison, double share) {
  if (comparison.refused() || !comparison.speedup) return false;  // more launches would not help
  const double value = comparison.speedup->value;
  const auto& interval = comparison.speedup->interval;
  return !interval || std::max(interval->high / value, value / interval->low) > 1 + share;
}

void add_runs(const LaunchGroup& group, std::vector<std::string>& uuids) {
  for (const Launch* launch : group.launches) uuids.push_back(launch->header.uuid);
}

}  // namespace

std::vector<std::string> runs_to_repeat(const std::string& folder, double share) {
  const Analysis analysis(read_runs({folder}), Baseline::seq);
  std::vector<std::string> uuids;
  for (const WorkloadSummary& workload : analysis.summaries)
    for (const GroupSummary& group : workload.groups) {
      const Comparison& comparison = analysis.comparison(group);
      if (!comparison.baseline || !is_wide(comparison, share)) continue;
      add_runs(*group.group, uuids);
      add_runs(*comparison.baseline, uuids);
    }
  return uuids;
}

}  // namespace lockstep
