#include "analysis/model/convergence.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>

#include "base/random.hpp"

namespace lockstep {

namespace {

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();

std::optional<double> best_metric(const WorkloadSummary& workload) {
  std::optional<double> best;
  for (const GroupSummary& group : workload.groups)
    for (const Launch* launch : group.group->launches)
      for (const LearningPoint& point : launch->curve) {
        if (std::isnan(point.metric)) continue;
        const bool better = !best || (launch->higher_is_better ? point.metric > *best : point.metric < *best);
        if (better) best = point.metric;
      }
  return best;
}

// Where chance is not known: that of a metric which begins at 0, or falls to 0 from twice what is best.
double chance_of(const Launch& launch, double best) {
  if (!std::isnan(launch.chance)) return launch.chance;
  return launch.higher_is_better ? 0 : 2 * best;
}

void choose_targets(Convergence& convergence, const WorkloadSummary& workload) {
  std::set<double> targets;
  const Launch* any = nullptr;
  for (const GroupSummary& group : workload.groups)
    for (const Launch* launch : group.group->launches) {
      any = launch;
      for (const double target : numbers_in(launch->setting("training.target"))) targets.insert(target);
    }
  convergence.given = !targets.empty();
  convergence.targets.assign(targets.begin(), targets.end());
  if (const auto best = best_metric(workload); any && best && targets.empty())
    convergence.targets = {target_near(*best, chance_of(*any, *best))};
}

// Of one member of the points at which the launches reach the target.
std::optional<Estimate> median_of(const std::vector<const LearningPoint*>& points,
                                  double LearningPoint::*member, std::uint64_t seed) {
  std::vector<std::optional<double>> values;
  for (const LearningPoint* point : points)
    values.push_back(point ? std::optional(point->*member) : std::nullopt);
  const auto median = censored_median(values);
  if (!median) return {};
  std::vector<double> draws;
  std::vector<std::optional<double>> drawn(values.size());
  RandomStream random({seed});
  for (int d = 0; d < kDraws && values.size() > 1; ++d) {
    for (auto& value : drawn) value = values[random.below(values.size())];
    draws.push_back(censored_median(drawn).value_or(kNothing));  // then there is no interval
  }
  return with_interval(*median, draws, values.size());
}

TargetTime time_of(const GroupSummary& group, double target) {
  TargetTime time;
  time.group = &group;
  time.target = target;
  std::vector<const LearningPoint*> points;
  for (const Launch* launch : group.group->launches) {
    points.push_back(first_at_target(launch->curve, target, launch->higher_is_better));
    time.reached += points.back() ? 1 : 0;
  }
  const std::uint64_t seed =
      seed_of({group.group->label}, {reinterpret_cast<const char*>(&target), sizeof target});
  time.seconds = median_of(points, &LearningPoint::seconds, seed);
  time.samples = median_of(points, &LearningPoint::samples, seed);
  return time;
}

void compare(TargetTime& time, const WorkloadSummary& workload, Baseline baseline) {
  const Comparison& c = baseline == Baseline::seq ? time.group->against_seq : time.group->against_one;
  if (!c.baseline || c.refused()) return;
  for (const GroupSummary& group : workload.groups)
    if (group.group == c.baseline) time.baseline = &group;
  const TargetTime base = time_of(*time.baseline, time.target);
  if (!base.seconds || !time.seconds) return;
  time.speedup = base.seconds->value / time.seconds->value;
  time.statistical_efficiency = statistical_efficiency(base.samples->value, time.samples->value);
}

}  // namespace

std::vector<double> numbers_in(const std::string& text) {
  std::vector<double> numbers;
  const char* at = text.c_str();
  while (*at != '\0') {
    char* end = nullptr;
    const double value = std::strtod(at, &end);
    if (end != at && std::isfinite(value)) numbers.push_back(value);
    at = end != at ? end : at + 1;
  }
  return numbers;
}

Convergence convergence_of(const WorkloadSummary& workload, Baseline baseline) {
  Convergence convergence;
  choose_targets(convergence, workload);
  for (const GroupSummary& group : workload.groups) {
    if (!group.measured() || !group.group->any().trained_whole()) continue;
    for (const double target : convergence.targets) {
      convergence.times.push_back(time_of(group, target));
      compare(convergence.times.back(), workload, baseline);
    }
  }
  return convergence;
}

}  // namespace lockstep
