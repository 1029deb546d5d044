// Rules that look at what was learned: speed counts only at equal quality.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "analysis/checks/rule_functions.hpp"
#include "analysis/runs/quality.hpp"

namespace lockstep::checks {

namespace {

// A launch whose loss is not a number, or whose metric is not although another launch of the two groups has
// one.
Detail lost_its_numbers(const LaunchGroup& group, bool metric_known) {
  std::int64_t losses = 0, metrics = 0;
  for (const Launch* launch : group.launches) {
    losses += launch->loss_lost ? 1 : 0;
    metrics += metric_known && !launch->imported() && !std::isfinite(learned(*launch)) ? 1 : 0;
  }
  if (losses == 0 && metrics == 0) return {};
  return fmt::format("the {} of {} of {} launches of '{}' is not a number at the end",
                     losses > 0 ? "loss" : group.any().metric, std::max(losses, metrics),
                     group.launches.size(), group.label);
}

bool has_metric(const LaunchGroup& group) {
  return std::any_of(group.launches.begin(), group.launches.end(),
                     [](const Launch* launch) { return std::isfinite(learned(*launch)); });
}

std::string interval_of(const Estimate& difference) {
  if (!difference.interval) return "a single pair";
  return fmt::format("95 % interval {:.4f} to {:.4f}", difference.interval->low, difference.interval->high);
}

}  // namespace

Detail learned_less(const LaunchGroup& group, const LaunchGroup& baseline) {
  const bool metric_known = has_metric(group) || has_metric(baseline);
  for (const LaunchGroup* side : {&group, &baseline})
    if (Detail lost = lost_its_numbers(*side, metric_known)) return lost;
  const auto quality = compare_quality(group, baseline);
  if (!quality || !learned_significantly_less(*quality, group.any())) return {};
  return fmt::format("{} of '{}' is {:.4f}, of '{}' {:.4f}, {} (difference {:.4f}, {})", group.any().metric,
                     group.label, quality->here, baseline.label, quality->there,
                     quality->seeds > 0
                         ? fmt::format("with the same seed{}",
                                       quality->seeds > 1 ? fmt::format("s, {} of them", quality->seeds) : "")
                         : std::string("with different seeds"),
                     quality->difference.value, interval_of(quality->difference));
}

}  // namespace lockstep::checks
