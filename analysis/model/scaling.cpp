#include "analysis/model/scaling.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <limits>
#include <map>

#include <fmt/format.h>

#include "analysis/checks/rules.hpp"
#include "analysis/metrics/speedup.hpp"

namespace lockstep {

namespace {

using Q = Quantity;
using Points = std::vector<ScalingPoint>;

std::string identity_of(const GroupSummary& group, const Comparison& comparison) {
  constexpr std::array kFree = {"training.global_batch", "training.micro_batch", "parallel.threads"};
  const Launch& launch = group.group->any();
  std::string identity = launch.header.mode + '\n' + comparison.baseline->label;
  for (const auto& [key, value] : launch.settings)
    if (!ignored_setting(key) && std::find(kFree.begin(), kFree.end(), key) == kFree.end())
      identity.append(1, '\n').append(key).append(1, '=').append(value);
  return identity;
}

double speedup_of(const ScalingSeries& series, const GroupSummary& group, const Quantities& here,
                  const Quantities& there) {
  const double scale = series.weak ? static_cast<double>(group.group->any().ranks) : 1;
  return scale * speedup(there[Q::wall], here[Q::wall]);
}

// The speedups of the medians, and of each draw: the baseline's draw is the same for all of them.
struct Speedups {
  Points point;
  std::vector<Points> draws;
  std::size_t launches = 0;  // of the group that has fewest
};

Speedups speedups_of(const ScalingSeries& series, const GroupSummary& base) {
  Speedups result;
  result.launches = base.steps.launches;
  std::size_t draws = base.steps.draws.size();
  for (const GroupSummary* group : series.groups) {
    draws = std::min(draws, group->steps.draws.size());
    result.launches = std::min(result.launches, group->steps.launches);
  }
  result.draws.resize(draws);
  for (const GroupSummary* group : series.groups) {
    const std::int64_t p = group->group->any().ranks;
    result.point.push_back({p, speedup_of(series, *group, group->steps.point, base.steps.point)});
    for (std::size_t d = 0; d < draws; ++d)
      result.draws[d].push_back({p, speedup_of(series, *group, group->steps.draws[d], base.steps.draws[d])});
  }
  return result;
}

// A coefficient of the law that lies between `least` and `most`, and its interval.
Estimate fitted(const Speedups& speedups, const std::function<double(const Points&)>& fit, double least,
                double most) {
  std::vector<double> draws;
  for (const Points& draw : speedups.draws) draws.push_back(fit(draw));
  return within(with_interval(fit(speedups.point), draws, speedups.launches), least, most);
}

void fit_laws(ScalingSeries& series, const GroupSummary& base) {
  constexpr double kUnbounded = std::numeric_limits<double>::infinity();
  const Speedups speedups = speedups_of(series, base);
  if (series.weak) {
    series.gustafson_serial_share = fitted(speedups, gustafson_serial_share, -kUnbounded, 1);
    return;
  }
  series.findings = check_series(speedups.point);
  if (!refusal_of(series.findings, Claim::amdahl))
    series.amdahl_parallel_share = fitted(speedups, amdahl_least_squares, 0, 1);
  if (refusal_of(series.findings, Claim::usl)) return;
  const auto coefficient = [&](double UslFit::*member) {
    return fitted(
        speedups, [member](const Points& p) { return (*usl_fit(p)).*member; }, 0, kUnbounded);
  };
  series.usl_sigma = coefficient(&UslFit::sigma);
  series.usl_kappa = coefficient(&UslFit::kappa);
  const auto best = [=](const Points& p) { return usl_fit(p)->best_ranks().value_or(kUnbounded); };
  if (usl_fit(speedups.point)->best_ranks()) series.usl_best_ranks = fitted(speedups, best, 1, kUnbounded);
}

}  // namespace

std::vector<ScalingSeries> scaling_series(const WorkloadSummary& workload, Baseline baseline) {
  std::map<std::string, ScalingSeries> by_identity;
  std::vector<std::string> order;
  for (const GroupSummary& group : workload.groups) {
    if (!group.measured() || group.group->any().ranks < 2) continue;
    const Comparison& comparison = baseline == Baseline::seq ? group.against_seq : group.against_one;
    if (!comparison.speedup) continue;
    const std::string identity = identity_of(group, comparison);
    const auto [found, is_new] = by_identity.try_emplace(identity);
    if (is_new) order.push_back(identity);
    found->second.baseline = comparison.baseline;
    found->second.weak = group.group->any().weak_scaling();
    found->second.groups.push_back(&group);
  }
  std::vector<ScalingSeries> result;
  for (const std::string& identity : order) {
    ScalingSeries& series = result.emplace_back(std::move(by_identity[identity]));
    std::stable_sort(series.groups.begin(), series.groups.end(), [](const auto* a, const auto* b) {
      return a->group->any().ranks < b->group->any().ranks;
    });
    series.label = fmt::format("{}, {}", series.groups.front()->group->any().header.mode,
                               series.weak ? "weak" : "strong");
    fit_laws(series, *summary_of(workload, series.baseline));
  }
  return result;
}

}  // namespace lockstep
