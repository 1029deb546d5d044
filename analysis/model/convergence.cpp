#include "analysis/model/convergence.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>

namespace lockstep {

namespace {

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

// One member of the points at which the launches reach the target; nothing for those that do not.
using Reached = std::vector<std::optional<double>>;

Reached reached(const GroupSummary& group, double target, double LearningPoint::*member) {
  Reached values;
  for (const Launch* launch : group.group->launches) {
    const LearningPoint* point = first_at_target(launch->curve, target, launch->higher_is_better);
    values.push_back(point ? std::optional(point->*member) : std::nullopt);
  }
  return values;
}

std::vector<double> known(const Reached& reached) {
  std::vector<double> values;
  for (const auto& value : reached)
    if (value) values.push_back(*value);
  return values;
}

// With an interval where every launch reaches the target.
std::optional<Estimate> median_of(const Reached& values) {
  const auto median = censored_median(values);
  if (!median) return {};
  const std::vector<double> all = known(values);
  return all.size() == values.size() ? estimate_launches(all) : Estimate{*median, {}};
}

std::optional<Estimate> ratio_of(const Reached& above, const Reached& below) {
  const auto a = median_of(above), b = median_of(below);
  if (!a || !b) return {};
  if (!a->interval || !b->interval) return Estimate{a->value / b->value, {}};
  return estimate_ratio(known(above), known(below));
}

TargetTime time_of(const GroupSummary& group, double target) {
  TargetTime time;
  time.group = &group;
  time.target = target;
  const Reached seconds = reached(group, target, &LearningPoint::seconds);
  time.reached = std::ssize(known(seconds));
  time.seconds = median_of(seconds);
  time.samples = median_of(reached(group, target, &LearningPoint::samples));
  return time;
}

void compare(TargetTime& time, const WorkloadSummary& workload, Baseline baseline) {
  const Comparison& c = baseline == Baseline::seq ? time.group->against_seq : time.group->against_one;
  if (!c.baseline || c.refused()) return;
  for (const GroupSummary& group : workload.groups)
    if (group.group == c.baseline) time.baseline = &group;
  const auto against_base = [&](double LearningPoint::*member) {
    return ratio_of(reached(*time.baseline, time.target, member), reached(*time.group, time.target, member));
  };
  time.speedup = against_base(&LearningPoint::seconds);
  time.statistical_efficiency = against_base(&LearningPoint::samples);
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
