// Rules that look at speedups: one, or those of several numbers of ranks.
#include <fmt/format.h>

#include <algorithm>

#include "analysis/checks/rule_functions.hpp"

namespace lockstep::checks {

Detail slower_than_one(double speedup, std::int64_t) {
  if (!(speedup < 1)) return {};
  return fmt::format("the speedup is {:.3f}, below 1", speedup);
}

Detail faster_than_ranks(double speedup, std::int64_t ranks) {
  if (!(speedup > static_cast<double>(ranks))) return {};
  return fmt::format("the speedup is {:.3f}, above the {} ranks", speedup, ranks);
}

Detail any_slower_than_one(std::span<const ScalingPoint> points) {
  for (const ScalingPoint& point : points)
    if (point.ranks > 1 && point.speedup < 1)
      return fmt::format("the speedup of {} ranks is {:.3f}, below 1", point.ranks, point.speedup);
  return {};
}

Detail fitted_above_one(std::span<const ScalingPoint> points) {
  if (rank_counts(points) < kFewestRankCounts || any_slower_than_one(points) || amdahl_fit(points)) return {};
  return "the share that fits best is above 1: the speedups are above the ranks";
}

Detail few_rank_counts(std::span<const ScalingPoint> points) {
  const std::int64_t counts = rank_counts(points);
  if (counts >= kFewestRankCounts) return {};
  return fmt::format("there are {}, one rank included; it takes {}", counts, kFewestRankCounts);
}

}  // namespace lockstep::checks
