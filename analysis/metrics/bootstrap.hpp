// Estimates of what a step costs in a group of launches, and their uncertainty: a hierarchical bootstrap over
// launches, then blocks of consecutive steps. Deterministic: the draws follow from a seed.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "analysis/metrics/statistics.hpp"
#include "analysis/quantities/quantities.hpp"

namespace lockstep {

inline constexpr int kDraws = 1000;

// The mean per step of every quantity, of the launch of which the step is the median one (of an even number:
// the mean of the middle two); and the same for each resampled group of launches. No draws with one launch:
// the unit of repetition is a launch.
struct StepEstimates {
  Quantities point;
  std::vector<Quantities> draws;
  std::size_t launches = 0;
};

// launches: the steady steps of each, none empty. Steps are drawn in at most 50 blocks of neighbours,
// because neighbours resemble each other.
StepEstimates estimate_steps(std::span<const std::span<const Quantities>> launches, std::uint64_t seed);

// A metric of one group or of two, with its 95 % interval. With two groups, draws are paired at random (they
// are independent), and there is an interval only when both have draws.
Estimate estimate(const StepEstimates& group, const std::function<double(const Quantities&)>& metric);
Estimate estimate(const StepEstimates& group, const StepEstimates& base,
                  const std::function<double(const Quantities& group, const Quantities& base)>& metric);

// The median of one value a launch, and its interval from resampled launches.
Estimate estimate_launches(std::span<const double> values, std::uint64_t seed);

// value -+ t s sqrt(n/(n-1)): s the standard deviation of the draws, n the launches (of several groups, the
// fewest), t Student's quantile for n - 1 degrees of freedom. Percentiles of the draws would lie too close
// together: of three launches they are the smallest and the largest, which hold the median three times in
// four. No interval with fewer than two launches, or where it would not be finite.
Estimate with_interval(double value, std::span<const double> draws, std::size_t launches);

}  // namespace lockstep
