#include "analysis/model/compare.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "analysis/checks/rules.hpp"
#include "analysis/metrics/speedup.hpp"

namespace lockstep {

namespace {

bool is_candidate(const GroupSummary& candidate, const GroupSummary& group, Baseline kind) {
  if (!candidate.measured() || candidate.group == group.group) return false;
  const Launch& launch = candidate.group->any();
  if (kind == Baseline::seq) return launch.is_sequential();
  return launch.ranks == 1 && launch.header.mode == group.group->any().header.mode;
}

// Own keys of `parallel` that differ: one rank with the same buckets is the better baseline.
std::int64_t unlike(const Launch& a, const Launch& b) {
  return std::count_if(a.settings.begin(), a.settings.end(), [&](const auto& entry) {
    return entry.first.starts_with("parallel.") && b.setting(entry.first) != entry.second;
  });
}

auto preference(const GroupSummary& candidate, const GroupSummary& group,
                const std::vector<Finding>& findings, Baseline kind) {
  const auto refusals = std::count_if(findings.begin(), findings.end(), is_refusal);
  const std::int64_t differing =
      kind == Baseline::one_rank ? unlike(group.group->any(), candidate.group->any()) : 0;
  return std::tuple(refusals, std::ssize(findings), differing, candidate.step_seconds.value);
}

// A claim that a run of either side forbids is not made about the pair.
void add_refusals_of_runs(std::vector<Finding>& findings, const GroupSummary& group) {
  for (const Finding& finding : group.findings)
    if (finding.rule->refuses == Claim::speedup)
      findings.push_back({finding.rule, fmt::format("{} (in '{}')", finding.sentence, group.group->label)});
}

// Weak scaling has no Amdahl share that could be refused.
void add_findings(Comparison& c, std::int64_t ranks, bool strong) {
  for (Finding& finding : check_speedup(*c.speedup, ranks))
    if (strong || finding.rule->refuses == Claim::speedup) c.findings.push_back(std::move(finding));
}

void claim(Comparison& c, const GroupSummary& group, const GroupSummary& base) {
  const Launch& launch = group.group->any();
  const std::int64_t p = launch.ranks;
  const double scale = launch.weak_scaling() ? static_cast<double>(p) : 1;
  const auto s = [=](const Quantities& here, const Quantities& there) {
    return scale * speedup(there[Quantity::wall], here[Quantity::wall]);
  };
  c.speedup = estimate(group.steps, base.steps, s);
  c.launches_to_decide = launches_to_decide(group.steps, base.steps, s);
  c.slowdown = mapped(*c.speedup, [](double value) { return 1 / value; });
  c.efficiency = mapped(*c.speedup, [=](double value) { return efficiency(value, p); });
  if (p < 2) return;
  add_findings(c, p, !launch.weak_scaling());
  if (launch.weak_scaling()) return;
  c.karp_flatt = mapped(*c.speedup, [=](double value) { return karp_flatt(value, p); });
  c.amdahl_parallel_share = amdahl_parallel_share(c.speedup->value, p);
}

}  // namespace

Comparison compare_with(const GroupSummary& group, const std::vector<GroupSummary>& candidates,
                        Baseline kind) {
  const GroupSummary* best = nullptr;
  Comparison result;
  for (const GroupSummary& candidate : candidates) {
    if (!is_candidate(candidate, group, kind)) continue;
    std::vector<Finding> findings = check_pair(*group.group, *candidate.group);
    add_refusals_of_runs(findings, group);
    add_refusals_of_runs(findings, candidate);
    if (best &&
        preference(*best, group, result.findings, kind) <= preference(candidate, group, findings, kind))
      continue;
    best = &candidate;
    result.findings = std::move(findings);
  }
  if (!best) return result;
  result.baseline = best->group;
  result.quality = compare_quality(*group.group, *best->group);
  if (!result.refused()) claim(result, group, *best);
  if (!result.refused()) return result;
  Comparison refused;
  refused.baseline = result.baseline;
  refused.findings = std::move(result.findings);
  refused.quality = result.quality;
  return refused;
}

}  // namespace lockstep
