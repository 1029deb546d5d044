#include "analysis/model/summary.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "analysis/checks/rules.hpp"
#include "analysis/metrics/bandwidth.hpp"
#include "analysis/model/compare.hpp"

namespace lockstep {

namespace {

using Q = Quantity;

std::vector<std::span<const Quantities>> steady_steps(const LaunchGroup& group) {
  std::vector<std::span<const Quantities>> steps;
  for (const Launch* launch : group.launches) steps.push_back(launch->steady());
  return steps;
}

template <typename Value>
Range range_of(const LaunchGroup& group, Value value) {
  std::vector<double> values;
  for (const Launch* launch : group.launches)
    if (const double v = value(*launch); !std::isnan(v)) values.push_back(v);
  return {median(values), percentile(values, 0), percentile(values, 1)};
}

void summarise_times(GroupSummary& s, const std::vector<std::span<const Quantities>>& steps) {
  std::vector<double> walls;
  for (const auto& launch : steps)
    for (const Quantities& step : launch) walls.push_back(step[Q::wall]);
  const double shares[] = {0.5, 0.95, 0.99};
  const std::vector<double> found = percentiles(walls, shares);
  s.step_p50 = found[0];
  s.step_p95 = found[1];
  s.step_p99 = found[2];
  s.steady_steps = std::ssize(walls);
  const double all_steps = static_cast<double>(s.group->any().steps.size());
  s.step_seconds = estimate(s.steps, [](const Quantities& q) { return q[Q::wall]; });
  s.throughput = estimate(s.steps, [](const Quantities& q) { return q[Q::samples] / q[Q::wall]; });
  s.steady_training_seconds = estimate(s.steps, [=](const Quantities& q) { return q[Q::wall] * all_steps; });
  s.training_seconds = range_of(*s.group, [](const Launch& l) { return l.training_seconds; });
  s.wall_seconds = range_of(*s.group, [](const Launch& l) { return l.header.wall_seconds; });
  s.warmup_low = s.warmup_high = s.group->any().warmup;
  for (const Launch* launch : s.group->launches) {
    s.warmup_low = std::min(s.warmup_low, launch->warmup);
    s.warmup_high = std::max(s.warmup_high, launch->warmup);
    s.warmup_given = s.warmup_given || launch->warmup_given;
  }
}

std::optional<Estimate> compute_per(const StepEstimates& steps, Q comm) {
  if (!(steps.point[comm] > 0)) return {};
  return estimate(steps, [comm](const Quantities& q) { return q.compute() / q[comm]; });
}

void summarise_collectives(GroupSummary& s) {
  double bytes = 0, seconds = 0;
  std::vector<std::int64_t> last(static_cast<std::size_t>(s.group->any().ranks), 0);
  for (const Launch* launch : s.group->launches) {
    bytes += launch->reduced_bytes;
    seconds += launch->reduced_seconds;
    s.unmatched_collectives += launch->unmatched_collectives;
    for (std::size_t r = 0; r < std::min(last.size(), launch->last_arrivals.size()); ++r)
      last[r] += launch->last_arrivals[r];
  }
  if (seconds > 0 && bytes > 0) {
    s.algorithm_bandwidth = algorithm_bandwidth(bytes, seconds);
    const Launch& any = s.group->any();
    s.bus_bandwidth = bus_bandwidth(any.reduced_by, *s.algorithm_bandwidth, any.reduced_ranks);
  }
  const std::int64_t all = std::accumulate(last.begin(), last.end(), std::int64_t{0});
  if (all == 0 || last.size() < 2) return;
  const auto most = std::max_element(last.begin(), last.end());
  s.last_rank = most - last.begin();
  s.last_share = static_cast<double>(*most) / static_cast<double>(all);
}

void summarise_communication(GroupSummary& s) {
  if (s.group->any().ranks < 2 || refusal_of(s.findings, Claim::budget)) return;
  const Quantities& q = s.steps.point;
  if (!(q[Q::comm] > 0)) return;
  s.ratio_total = compute_per(s.steps, Q::comm);
  s.ratio_transfer = compute_per(s.steps, Q::transfer);
  s.ratio_exposed = compute_per(s.steps, Q::comm_exposed);
  s.comm_share = q[Q::comm] / q[Q::wall];
  s.exposed_share = q[Q::comm_exposed] / q[Q::wall];
  s.overlap_share = 1 - q[Q::comm_exposed] / q[Q::comm];
  if (q[Q::wait] + q[Q::transfer] > 0) s.wait_share = q[Q::wait] / (q[Q::wait] + q[Q::transfer]);
  summarise_collectives(s);
}

// If several launches have the same kind of finding, it is reported once, by the first.
void collect_findings(GroupSummary& s) {
  s.findings = check_group(*s.group);
  for (const Launch* launch : s.group->launches) {
    for (const Finding& f : launch->findings) {
      const auto same = [&](const Finding& other) { return other.rule == f.rule; };
      if (std::none_of(s.findings.begin(), s.findings.end(), same)) s.findings.push_back(f);
    }
  }
}

GroupSummary summarise_group(const LaunchGroup& group) {
  GroupSummary s;
  s.group = &group;
  if (!s.measured()) return s;
  collect_findings(s);
  const auto steps = steady_steps(group);
  s.steps = estimate_steps(steps);
  summarise_times(s, steps);
  summarise_communication(s);
  if (!refusal_of(s.findings, Claim::budget)) s.parallel = parallelism_of(group, s.steps);
  s.mfu = utilisation_of(group, s.steps);
  s.test_metric = range_of(group, [](const Launch& l) { return l.test_metric; });
  s.validation_metric = range_of(group, [](const Launch& l) { return l.validation_metric; });
  s.energy_per_sample = range_of(group, [](const Launch& l) { return l.gpu.energy_per_sample; });
  s.rows_trained = group.any().rows_trained;
  return s;
}

}  // namespace

const Finding* Comparison::refused() const { return refusal_of(findings, Claim::speedup); }

WorkloadSummary summarise(const Workload& workload) {
  WorkloadSummary summary{&workload, {}};
  for (const LaunchGroup& group : workload.groups) summary.groups.push_back(summarise_group(group));
  for (GroupSummary& group : summary.groups) {
    if (!group.measured() || group.group->any().is_sequential()) continue;
    group.against_seq = compare_with(group, summary.groups, Baseline::seq);
    if (group.group->any().ranks > 1)
      group.against_one = compare_with(group, summary.groups, Baseline::one_rank);
  }
  return summary;
}

const GroupSummary* summary_of(const WorkloadSummary& workload, const LaunchGroup* group) {
  for (const GroupSummary& summary : workload.groups)
    if (summary.group == group) return &summary;
  return nullptr;
}

}  // namespace lockstep
