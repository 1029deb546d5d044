#include "analysis/model/analysis.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "analysis/checks/rules.hpp"

namespace lockstep {

namespace {

void add_pair(std::vector<ReportedFinding>& all, const GroupSummary& group, const Comparison& comparison) {
  for (const Finding& finding : comparison.findings)
    all.push_back({fmt::format("{} against {}", group.group->label, comparison.baseline->label), &finding});
}

}  // namespace

Analysis::Analysis(RunSet set, Baseline lead) : runs(std::move(set)), baseline(lead) {
  workloads = group_launches(runs.launches);
  for (const Workload& workload : workloads) summaries.push_back(summarise(workload));
}

std::vector<ReportedFinding> all_findings(const Analysis& analysis) {
  std::vector<ReportedFinding> all;
  for (const Launch& launch : analysis.runs.launches)
    if (!launch.usable())
      for (const Finding& finding : launch.findings) all.push_back({launch.path, &finding});
  for (const WorkloadSummary& workload : analysis.summaries) {
    for (const GroupSummary& group : workload.groups)
      for (const Finding& finding : group.findings) all.push_back({group.group->label, &finding});
    for (const GroupSummary& group : workload.groups) {
      add_pair(all, group, group.against_seq);
      add_pair(all, group, group.against_one);
    }
  }
  std::stable_sort(all.begin(), all.end(), [](const ReportedFinding& a, const ReportedFinding& b) {
    return is_refusal(*a.finding) && !is_refusal(*b.finding);
  });
  return all;
}

bool has_invalid_run(const Analysis& analysis) {
  return std::any_of(analysis.runs.launches.begin(), analysis.runs.launches.end(), [](const Launch& launch) {
    return std::any_of(launch.findings.begin(), launch.findings.end(),
                       [](const Finding& f) { return f.rule->invalidates; });
  });
}

bool has_refusal(const Analysis& analysis) {
  const std::vector<ReportedFinding> all = all_findings(analysis);
  return std::any_of(all.begin(), all.end(), [](const ReportedFinding& f) { return is_refusal(*f.finding); });
}

}  // namespace lockstep
