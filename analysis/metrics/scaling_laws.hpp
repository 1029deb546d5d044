// Scaling laws, fitted to speedups at several numbers of ranks. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace lockstep {

// The speedup against one rank. The baseline itself, (1, 1), may be among the points and changes no fit.
struct ScalingPoint {
  std::int64_t ranks = 1;
  double speedup = 1;
};

// Different numbers of ranks among the points, one rank counted always: the fits below need three.
std::int64_t rank_counts(std::span<const ScalingPoint> points);
inline constexpr std::int64_t kFewestRankCounts = 3;

// Amdahl 1967: 1/S = (1 - f) + f/p, f the share of the work that runs in parallel, by least squares of 1 -
// 1/S against 1 - 1/p: f = sum xy / sum xx. Nothing with fewer than three rank counts, where a speedup is
// below 1, or where f leaves [0, 1].
std::optional<double> amdahl_fit(std::span<const ScalingPoint> points);
// The same without a refusal, for intervals: may lie outside [0, 1].
double amdahl_least_squares(std::span<const ScalingPoint> points);

// Gustafson 1988, for weak scaling: S = p - (p - 1) s, s the serial share of a rank's time, by least squares.
// NaN without a point of more than one rank.
double gustafson_serial_share(std::span<const ScalingPoint> points);

// Universal scalability law (Gunther 1993): S = p / (1 + sigma (p - 1) + kappa p (p - 1)); sigma: contention,
// kappa: what every pair of ranks costs.
struct UslFit {
  double sigma = 0, kappa = 0;
  double speedup(double ranks) const;
  // sqrt((1 - sigma) / kappa), where the law has its peak; nothing where it has none (kappa = 0), 1 where
  // more than one rank slows down from the start.
  std::optional<double> best_ranks() const;
};
// Non-negative least squares of p/S - 1 = sigma (p - 1) + kappa p (p - 1), weighted by (S/p)^2 so that equal
// relative errors weigh equally. Nothing with fewer than three rank counts.
std::optional<UslFit> usl_fit(std::span<const ScalingPoint> points);
// The same without bounds, for intervals: a kappa that may as well be below 0 is not known to be above.
std::optional<UslFit> usl_least_squares(std::span<const ScalingPoint> points);

}  // namespace lockstep
