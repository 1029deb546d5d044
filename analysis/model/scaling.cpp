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

// The steps of the series' groups and, last, of the baseline.
std::vector<const StepEstimates*> steps_of(const ScalingSeries& series, const GroupSummary& base) {
  std::vector<const StepEstimates*> steps;
  for (const GroupSummary* group : series.groups) steps.push_back(&group->steps);
  steps.push_back(&base.steps);
  return steps;
}

Points points_of(const ScalingSeries& series, std::span<const Quantities> steps) {
  Points points;
  for (std::size_t i = 0; i < series.groups.size(); ++i)
    points.push_back({series.groups[i]->group->any().ranks,
                      speedup_of(series, *series.groups[i], steps[i], steps.back())});
  return points;
}

Points points_of(const ScalingSeries& series, const GroupSummary& base) {
  std::vector<Quantities> steps;
  for (const StepEstimates* group : steps_of(series, base)) steps.push_back(group->point);
  return points_of(series, steps);
}

using Fit = std::function<double(const Points&)>;

// A coefficient of the law within `least` and `most`, by `fit`; its interval comes from the unconstrained
// `free`, so that its width follows the spread of the launches.
Estimate fitted(const ScalingSeries& series, const GroupSummary& base, const Fit& fit, const Fit& free,
                double least, double most) {
  const auto metric = [&](std::span<const Quantities> steps) { return free(points_of(series, steps)); };
  Estimate result = within(estimate(steps_of(series, base), metric, Scale::any), least, most);
  result.value = fit(points_of(series, base));
  for (auto* bounds : {&result.interval, &result.within_launch})
    if (*bounds) *bounds = {std::min((*bounds)->low, result.value), std::max((*bounds)->high, result.value)};
  return result;
}

// Where the universal law has its peak: sqrt((1 - sigma) / kappa), which falls in kappa. Only where kappa is
// known to be above 0, and not far beyond what was measured.
std::optional<Estimate> peak_of(const ScalingSeries& series) {
  constexpr double kReach = 2;  // times the most ranks that were measured
  const auto& kappa = series.usl_kappa->interval;
  if (!kappa || !(kappa->low > 0)) return {};
  const double sigma = series.usl_sigma->value;
  const Estimate peak = mapped(*series.usl_kappa, [sigma](double k) {
    return *UslFit{sigma, k}.best_ranks();
  });
  if (peak.value > kReach * static_cast<double>(series.groups.back()->group->any().ranks)) return {};
  return peak;
}

void fit_laws(ScalingSeries& series, const GroupSummary& base) {
  constexpr double kUnbounded = std::numeric_limits<double>::infinity();
  if (series.weak) {
    series.gustafson_serial_share =
        fitted(series, base, gustafson_serial_share, gustafson_serial_share, -kUnbounded, 1);
    return;
  }
  series.findings = check_series(points_of(series, base));
  if (!refusal_of(series.findings, Claim::amdahl))
    series.amdahl_parallel_share = fitted(series, base, amdahl_least_squares, amdahl_least_squares, 0, 1);
  if (refusal_of(series.findings, Claim::usl)) return;
  const auto coefficient = [&](double UslFit::*member) {
    return fitted(
        series, base, [member](const Points& p) { return (*usl_fit(p)).*member; },
        [member](const Points& p) {
          const auto free = usl_least_squares(p);
          return free ? (*free).*member : std::numeric_limits<double>::quiet_NaN();
        },
        0, kUnbounded);
  };
  series.usl_sigma = coefficient(&UslFit::sigma);
  series.usl_kappa = coefficient(&UslFit::kappa);
  series.usl_best_ranks = peak_of(series);
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
