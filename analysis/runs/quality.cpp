#include "analysis/runs/quality.hpp"

#include <cmath>
#include <map>

#include "analysis/metrics/repetition.hpp"

namespace lockstep {

namespace {

constexpr double kLess = 0.01, kLessOfSingle = 0.05;  // of the way from chance to the baseline

std::map<std::string, double> by_seed(const LaunchGroup& group) {
  std::map<std::string, double> found;
  for (const Launch* launch : group.launches)
    if (std::isfinite(learned(*launch))) found.emplace(launch->setting("run.seed"), learned(*launch));
  return found;
}

std::vector<double> values_of(const LaunchGroup& group) {
  std::vector<double> values;
  for (const Launch* launch : group.launches)
    if (std::isfinite(learned(*launch))) values.push_back(learned(*launch));
  return values;
}

}  // namespace

double learned(const Launch& launch) {
  return std::isnan(launch.test_metric) ? launch.validation_metric : launch.test_metric;
}

std::optional<Quality> compare_quality(const LaunchGroup& group, const LaunchGroup& baseline) {
  std::vector<double> here, there, differences;
  const auto theirs = by_seed(baseline);
  for (const auto& [seed, value] : by_seed(group)) {
    const auto pair = theirs.find(seed);
    if (pair == theirs.end()) continue;
    here.push_back(value);
    there.push_back(pair->second);
    differences.push_back(value - pair->second);
  }
  if (!differences.empty())
    return Quality{std::ssize(differences), mean(here), mean(there), estimate_differences(differences)};
  here = values_of(group);
  there = values_of(baseline);
  if (here.empty() || there.empty()) return {};
  return Quality{0, mean(here), mean(there), estimate_difference(here, there)};
}

double less_learned(const Quality& quality, const Launch& launch) {
  const double chance = std::isnan(launch.chance) ? 0 : launch.chance;
  const double way = std::abs(quality.there - chance);
  return (launch.higher_is_better ? -1 : 1) * quality.difference.value / (way > 0 ? way : 1);
}

bool learned_significantly_less(const Quality& quality, const Launch& launch) {
  const double less = less_learned(quality, launch);
  if (!quality.difference.interval) return less > kLessOfSingle;
  const auto& [low, high] = *quality.difference.interval;
  return less > kLess && (launch.higher_is_better ? high < 0 : low > 0);
}

}  // namespace lockstep
