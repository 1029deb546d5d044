#include "analysis/metrics/scaling_laws.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "analysis/metrics/least_squares.hpp"

namespace lockstep {

namespace {

std::vector<Observation> observations_of(std::span<const ScalingPoint> points) {
  std::vector<Observation> observations;
  for (const ScalingPoint& point : points) {
    const double p = static_cast<double>(point.ranks);
    if (p > 1) observations.push_back({p - 1, p * (p - 1), p / point.speedup - 1, point.speedup / p});
  }
  return observations;
}

}  // namespace

std::int64_t rank_counts(std::span<const ScalingPoint> points) {
  std::set<std::int64_t> counts{1};
  for (const ScalingPoint& point : points) counts.insert(point.ranks);
  return std::ssize(counts);
}

double amdahl_least_squares(std::span<const ScalingPoint> points) {
  double xx = 0, xy = 0;
  for (const ScalingPoint& point : points) {
    const double x = 1 - 1 / static_cast<double>(point.ranks);
    xx += x * x;
    xy += x * (1 - 1 / point.speedup);
  }
  return xy / xx;
}

std::optional<double> amdahl_fit(std::span<const ScalingPoint> points) {
  if (rank_counts(points) < kFewestRankCounts) return {};
  for (const ScalingPoint& point : points)
    if (point.ranks > 1 && point.speedup < 1) return {};
  const double share = amdahl_least_squares(points);
  if (!(share >= 0 && share <= 1)) return {};
  return share;
}

double gustafson_serial_share(std::span<const ScalingPoint> points) {
  double xx = 0, xy = 0;
  for (const ScalingPoint& point : points) {
    const double p = static_cast<double>(point.ranks);
    xx += (p - 1) * (p - 1);
    xy += (p - 1) * (p - point.speedup);
  }
  return xx > 0 ? xy / xx : std::numeric_limits<double>::quiet_NaN();
}

double UslFit::speedup(double ranks) const {
  return ranks / (1 + sigma * (ranks - 1) + kappa * ranks * (ranks - 1));
}

std::optional<double> UslFit::best_ranks() const {
  if (!(kappa > 0)) return {};
  return std::max(1.0, std::sqrt(std::max(0.0, 1 - sigma) / kappa));
}

std::optional<UslFit> usl_fit(std::span<const ScalingPoint> points) {
  if (rank_counts(points) < kFewestRankCounts) return {};
  const auto [sigma, kappa] = non_negative_least_squares(observations_of(points));
  return UslFit{sigma, kappa};
}

std::optional<UslFit> usl_least_squares(std::span<const ScalingPoint> points) {
  const auto free = least_squares(observations_of(points));
  if (!free) return {};
  return UslFit{free->a, free->b};
}

}  // namespace lockstep
