// Estimates of what a step costs in a group of launches, and their uncertainty: a hierarchical bootstrap over
// launches, then blocks of consecutive steps. Deterministic: the draws follow from a seed.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "analysis/metrics/statistics.hpp"
#include "analysis/model/quantities.hpp"

namespace lockstep {

inline constexpr int kDraws = 1000;

// The mean per step of every quantity, as median over launches; and the same for each resampled group of
// launches. No draws with one launch: the unit of repetition is a launch.
struct StepEstimates {
  Quantities point;
  std::vector<Quantities> draws;
};

// launches: the steady steps of each, none empty. Steps are drawn in at most 200 blocks of neighbours,
// because neighbours resemble each other.
StepEstimates estimate_steps(std::span<const std::span<const Quantities>> launches, std::uint64_t seed);

// A metric of one group or of two, with the 2.5 and 97.5 percentiles of its draws. With two groups, draws are
// paired at random (they are independent), and there is an interval only when both have draws.
Estimate estimate(const StepEstimates& group, const std::function<double(const Quantities&)>& metric);
Estimate estimate(const StepEstimates& group, const StepEstimates& base,
                  const std::function<double(const Quantities& group, const Quantities& base)>& metric);

}  // namespace lockstep
