#include "analysis/metrics/repetition.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace lockstep {

namespace {

constexpr double kNormal95 = 1.959964;

// What one source of uncertainty does to y, the metric or its logarithm.
struct Scatter {
  double shift = 0, variance = 0;  // of the mean from the value; of the mean
  double degrees = std::numeric_limits<double>::infinity();
};

double variance_of(std::span<const double> values) {
  const double middle = mean(values);
  double squares = 0;
  for (const double v : values) squares += (v - middle) * (v - middle);
  return squares / static_cast<double>(values.size() - 1);
}

Scatter scatter_of(const std::vector<double>& values, double value) {
  const double n = static_cast<double>(values.size());
  return {mean(values) - value, variance_of(values) / n, n - 1};
}

double welch_degrees(std::span<const Scatter> scatters) {
  double sum = 0, weighed = 0;
  for (const Scatter& s : scatters) {
    sum += s.variance;
    weighed += s.variance * s.variance / s.degrees;
  }
  return sum * sum / weighed;
}

// On the scale of y.
std::optional<Estimate::Bounds> bounds_around(double value, std::span<const Scatter> scatters) {
  double middle = value, variance = 0;
  for (const Scatter& s : scatters) {
    middle += s.shift;
    variance += s.variance;
  }
  const double half = variance > 0 ? student_t(welch_degrees(scatters)) * std::sqrt(variance) : 0;
  if (!std::isfinite(middle) || !std::isfinite(half)) return {};
  return Estimate::Bounds{std::min(value, middle - half), std::max(value, middle + half)};
}

// A value, and what it is with each repeat of each source. A source with fewer than two gives no bounds.
struct Repeated {
  double value = 0;
  std::vector<std::vector<double>> sources;
  std::vector<Estimate::Bounds> known_within;

  template <typename Change>
  void change(Change change_one) {
    value = change_one(value);
    for (auto& source : sources)
      for (double& v : source) v = change_one(v);
    for (Estimate::Bounds& b : known_within) b = {change_one(b.low), change_one(b.high)};
  }
  bool all_positive() const {
    const auto positive = [](double v) { return v > 0; };
    return positive(value) &&
           std::all_of(sources.begin(), sources.end(),
                       [&](const auto& s) { return std::all_of(s.begin(), s.end(), positive); }) &&
           std::all_of(known_within.begin(), known_within.end(),
                       [](const Estimate::Bounds& b) { return b.low > 0 && b.high > 0; });
  }
};

std::optional<Estimate::Bounds> bounds_of(Repeated repeated, Scale scale) {
  const double value = repeated.value;
  for (const auto& source : repeated.sources)
    if (source.size() < 2) return {};
  const bool logarithms = scale == Scale::positive && repeated.all_positive();
  if (logarithms) repeated.change([](double v) { return std::log(v); });
  std::vector<Scatter> scatters;
  for (const auto& source : repeated.sources) scatters.push_back(scatter_of(source, repeated.value));
  for (const auto& [low, high] : repeated.known_within) {
    const double error = (high - low) / 2 / kNormal95;
    scatters.push_back({0, error * error});
  }
  auto bounds = bounds_around(repeated.value, scatters);
  if (bounds && logarithms)  // exp(log(v)) may miss v by a rounding
    bounds = {std::min(value, std::exp(bounds->low)), std::max(value, std::exp(bounds->high))};
  if (bounds && scale == Scale::positive) bounds->low = std::max(0.0, bounds->low);
  return bounds;
}

std::vector<Quantities> batch_means(std::span<const Quantities> steps) {
  std::vector<Quantities> means;
  const std::size_t batches = std::min(kBatches, steps.size());
  for (std::size_t b = 0; b < batches; ++b) {
    const std::size_t begin = b * steps.size() / batches, end = (b + 1) * steps.size() / batches;
    means.push_back(mean_of(steps.subspan(begin, end - begin)));
  }
  return means;
}

// The launch with the median wall time, or the mean of the middle two. Not the median of each quantity: those
// would come from different launches and not add up.
Quantities median_of(std::vector<Quantities> launches) {
  const auto by_wall = [](const Quantities& a, const Quantities& b) {
    return a[Quantity::wall] < b[Quantity::wall];
  };
  std::stable_sort(launches.begin(), launches.end(), by_wall);
  const std::size_t middle = launches.size() / 2;
  if (launches.size() % 2 == 1) return launches[middle];
  return mean_of(std::span(launches).subspan(middle - 1, 2));
}

// The metric with each repeat of a group in the group's places.
std::vector<double> varied(std::span<const StepEstimates* const> groups, const StepEstimates* which,
                           std::vector<Quantities> points, const JointMetric& metric) {
  std::vector<double> values;
  for (const Quantities& repeat : which->repeats) {
    for (std::size_t i = 0; i < groups.size(); ++i)
      if (groups[i] == which) points[i] = repeat;
    values.push_back(metric(points));
  }
  return values;
}

Estimate of_values(double value, std::vector<std::vector<double>> sources, Scale scale) {
  return {value, bounds_of({value, std::move(sources), {}}, scale)};
}

std::vector<double> copy_of(std::span<const double> values) { return {values.begin(), values.end()}; }

}  // namespace

StepEstimates estimate_steps(std::span<const std::span<const Quantities>> launches) {
  std::vector<Quantities> means;
  for (const auto& steps : launches) means.push_back(mean_of(steps));
  StepEstimates result{median_of(means), {}, launches.size()};
  result.repeats = launches.size() == 1 ? batch_means(launches.front()) : std::move(means);
  return result;
}

Estimate estimate(std::span<const StepEstimates* const> groups, const JointMetric& metric, Scale scale,
                  std::span<const Estimate::Bounds> known_within) {
  std::vector<Quantities> points;
  for (const StepEstimates* group : groups) points.push_back(group->point);
  Repeated repeated{metric(points), {}, {known_within.begin(), known_within.end()}};
  bool single = false;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (std::find(groups.begin(), groups.begin() + static_cast<std::ptrdiff_t>(i), groups[i]) !=
        groups.begin() + static_cast<std::ptrdiff_t>(i))
      continue;
    repeated.sources.push_back(varied(groups, groups[i], points, metric));
    single = single || groups[i]->launches < 2;
  }
  Estimate result{repeated.value, {}};
  (single ? result.within_launch : result.interval) = bounds_of(std::move(repeated), scale);
  return result;
}

Estimate estimate(const StepEstimates& group, const Metric& metric, Scale scale) {
  const StepEstimates* const groups[] = {&group};
  return estimate(
      groups, [&](std::span<const Quantities> q) { return metric(q[0]); }, scale);
}

Estimate estimate(const StepEstimates& group, const StepEstimates& base, const PairMetric& metric,
                  Scale scale) {
  const StepEstimates* const groups[] = {&group, &base};
  return estimate(
      groups, [&](std::span<const Quantities> q) { return metric(q[0], q[1]); }, scale);
}

Estimate estimate_launches(std::span<const double> values) {
  return of_values(median(values), {copy_of(values)}, Scale::positive);
}

Estimate estimate_ratio(std::span<const double> values, std::span<const double> base) {
  const double below = median(base), above = median(values);
  std::vector<std::vector<double>> sources = {copy_of(values), copy_of(base)};
  for (double& v : sources[0]) v /= below;
  for (double& v : sources[1]) v = above / v;
  return of_values(above / below, std::move(sources), Scale::positive);
}

Estimate estimate_differences(std::span<const double> differences) {
  return of_values(mean(differences), {copy_of(differences)}, Scale::any);
}

Estimate estimate_difference(std::span<const double> values, std::span<const double> base) {
  const double here = mean(values), there = mean(base);
  std::vector<std::vector<double>> sources = {copy_of(values), copy_of(base)};
  for (double& v : sources[0]) v -= there;
  for (double& v : sources[1]) v = here - v;
  return of_values(here - there, std::move(sources), Scale::any);
}

Estimate estimate_from_draws(double value, std::span<const double> draws, std::size_t repetitions) {
  Repeated drawn{value, {copy_of(draws)}, {}};
  if (draws.size() < 2 || repetitions < 2) return {value, {}};
  const bool logarithms = drawn.all_positive();
  if (logarithms) drawn.change([](double v) { return std::log(v); });
  const double half =
      student_t(static_cast<double>(repetitions - 1)) * std::sqrt(variance_of(drawn.sources[0]));
  if (!std::isfinite(half)) return {value, {}};
  if (logarithms) return {value, Estimate::Bounds{value * std::exp(-half), value * std::exp(half)}};
  return {value, Estimate::Bounds{std::max(0.0, value - half), value + half}};
}

std::optional<std::int64_t> launches_to_decide(const StepEstimates& group, const StepEstimates& base,
                                               const PairMetric& ratio) {
  if (group.launches < 2 || base.launches < 2) return {};
  std::vector<double> here, there;
  for (const Quantities& q : group.repeats) here.push_back(std::log(ratio(q, base.point)));
  for (const Quantities& q : base.repeats) there.push_back(std::log(ratio(group.point, q)));
  const double value = mean(here) + mean(there) - std::log(ratio(group.point, base.point));
  const double variances[] = {variance_of(here), variance_of(there)};
  const auto fewer = static_cast<std::int64_t>(std::min(group.launches, base.launches));
  for (std::int64_t n = fewer; n <= kMostLaunches; ++n) {
    const double launches = static_cast<double>(n);
    const Scatter scatters[] = {{0, variances[0] / launches, launches - 1},
                                {0, variances[1] / launches, launches - 1}};
    const auto bounds = bounds_around(value, scatters);
    if (bounds && (bounds->low > 0 || bounds->high < 0)) return n;
  }
  return {};
}

}  // namespace lockstep
