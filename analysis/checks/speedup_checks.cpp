// Rules that look at speedups: one, or those of several numbers of ranks.
#include <fmt/format.h>

#include <algorithm>

#include "analysis/checks/rule_functions.hpp"

namespace lockstep::checks {

namespace {

constexpr double kSuperlinear = 1.1;  // efficiency: up to here by chance, or by caches

bool above_ranks(const Estimate& speedup, std::int64_t ranks) {
  return speedup.value > kSuperlinear * static_cast<double>(ranks);
}

// By the interval; a single launch is as sure as it says.
bool surely_above(const Estimate& speedup, std::int64_t ranks) {
  return (speedup.interval ? speedup.interval->low : speedup.value) > static_cast<double>(ranks);
}

Detail times_on(const Estimate& speedup, std::int64_t ranks) {
  return fmt::format("{:.3f} times on {} ranks, an efficiency of {:.0f} %", speedup.value, ranks,
                     100 * speedup.value / static_cast<double>(ranks));
}

}  // namespace

Detail slower_than_one(const Estimate& speedup, std::int64_t) {
  if (!(speedup.value < 1)) return {};
  return fmt::format("the speedup is {:.3f}, below 1", speedup.value);
}

Detail faster_than_ranks(const Estimate& speedup, std::int64_t ranks) {
  if (!(speedup.value > static_cast<double>(ranks))) return {};
  return fmt::format("the speedup is {:.3f}, above the {} ranks", speedup.value, ranks);
}

Detail without_a_cause(const Estimate& speedup, std::int64_t ranks) {
  return above_ranks(speedup, ranks) && surely_above(speedup, ranks) ? times_on(speedup, ranks) : Detail();
}

Detail seems_above_ranks(const Estimate& speedup, std::int64_t ranks) {
  return above_ranks(speedup, ranks) && !surely_above(speedup, ranks) ? times_on(speedup, ranks) : Detail();
}

Detail any_slower_than_one(std::span<const ScalingPoint> points) {
  for (const ScalingPoint& point : points)
    if (point.ranks > 1 && point.speedup < 1)
      return fmt::format("the speedup of {} ranks is {:.3f}, below 1", point.ranks, point.speedup);
  return {};
}

Detail fitted_above_one(std::span<const ScalingPoint> points) {
  if (rank_counts(points) < kFewestRankCounts || any_slower_than_one(points) || amdahl_fit(points)) return {};
  return "the best fit of the share is above 1: the speedups exceed the ranks";
}

Detail few_rank_counts(std::span<const ScalingPoint> points) {
  const std::int64_t counts = rank_counts(points);
  if (counts >= kFewestRankCounts) return {};
  return fmt::format("there are {}, one rank included, and {} are needed", counts, kFewestRankCounts);
}

}  // namespace lockstep::checks
