// Estimates of the cost of a step in a group of launches, with intervals. The unit of repetition is a launch:
// intervals come from the spread between launches. Pure and deterministic: the same steps give the same
// digits.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "analysis/metrics/statistics.hpp"
#include "analysis/quantities/quantities.hpp"

namespace lockstep {

// Batches of neighbouring steps that stand for repetitions where there is a single launch: few and long,
// because neighbours resemble each other (batch means, Schmeiser 1982).
inline constexpr std::size_t kBatches = 10;

// The mean per step of every quantity.
struct StepEstimates {
  Quantities point;  // of the launch whose step is the median one; even: mean of the middle two
  std::vector<Quantities> repeats;  // of each launch; of a single launch: of each of its batches
  std::size_t launches = 0;
};

// launches: the steady steps of each, none empty.
StepEstimates estimate_steps(std::span<const std::span<const Quantities>> launches);

// positive: the interval is made of logarithms, and no bound is below 0. Where a repeat is 0, which has no
// logarithm, it is made of the values themselves and cut off at 0. any: of the values, whatever their sign.
enum class Scale { positive, any };

// A metric with its 95 % interval. Of one group it is Student's for the mean of the metric's logarithm over
// the launches; of the ratio of two groups that of Welch 1947. In general, y being the logarithm of the
// metric (or the metric): each group's launches in turn are put in the place of its step; they give the
// group's variance s^2/n of y with n - 1 degrees of freedom; variances add up, and their degrees of freedom
// as Welch and Satterthwaite have it, v = (sum s^2/n)^2 / sum((s^2/n)^2 / (n - 1)). The interval lies around
// the y of the launches' means, and holds the value. Where one of the groups is a single launch there is no
// interval; `within_launch` is the same made of its batches, and says nothing of the next launch.
using Metric = std::function<double(const Quantities&)>;
using PairMetric = std::function<double(const Quantities& group, const Quantities& base)>;
Estimate estimate(const StepEstimates& group, const Metric& metric, Scale scale = Scale::positive);
Estimate estimate(const StepEstimates& group, const StepEstimates& base, const PairMetric& metric,
                  Scale scale = Scale::positive);

// The same of any number of groups; one that is there twice varies in both places at once. known_within: the
// metric at the bounds of the 95 % interval of something else that it depends on.
using JointMetric = std::function<double(std::span<const Quantities>)>;
Estimate estimate(std::span<const StepEstimates* const> groups, const JointMetric& metric,
                  Scale scale = Scale::positive, std::span<const Estimate::Bounds> known_within = {});

// The median of one positive value a launch, and of the ratio of two such; no interval for fewer than two.
Estimate estimate_launches(std::span<const double> values);
Estimate estimate_ratio(std::span<const double> values, std::span<const double> base);
// The mean of differences, which may be of either sign, by Student; the difference of the means of two sets
// of values by Welch.
Estimate estimate_differences(std::span<const double> differences);
Estimate estimate_difference(std::span<const double> values, std::span<const double> base);

// With a value made of n repetitions and what it becomes when these are drawn anew: value times exp(-+ t s),
// s the standard deviation of the logarithms of the draws, t Student's quantile for n - 1 degrees of freedom;
// of the draws themselves, cut off at 0, where one of them is 0.
Estimate estimate_from_draws(double value, std::span<const double> draws, std::size_t repetitions);

// How many launches of each of the two, at least as many as the one with fewer has, it takes until the
// interval of their ratio leaves out 1, if the ratio and the variances stay what they are; nothing beyond
// kMostLaunches, or where a group is a single launch.
inline constexpr std::int64_t kMostLaunches = 100;
std::optional<std::int64_t> launches_to_decide(const StepEstimates& group, const StepEstimates& base,
                                               const PairMetric& ratio);

}  // namespace lockstep
