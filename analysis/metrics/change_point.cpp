#include "analysis/metrics/change_point.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "analysis/metrics/series.hpp"
#include "analysis/metrics/statistics.hpp"

namespace lockstep {

namespace {

constexpr std::size_t kFewestSteps = 10;
constexpr double kClip = 10;              // sigmas
constexpr double kLevelClip = 5;          // sigmas
constexpr double kSmallestSpread = 1e-6;  // of the median: the clock's grain on equal values
constexpr double kLeastChange = 0.05;     // of a level
constexpr std::size_t kFewestOfLevel = 10;
constexpr double kFewestIndependent = 15;  // steps; a slow change of fewer is no news

// Length of the slower beginning, at most `most`; 0 for none. Values are in sigmas.
std::size_t slower_beginning(std::span<const double> values, std::size_t most, const SeriesNoise& noise) {
  const double n = static_cast<double>(values.size());
  const double total = std::accumulate(values.begin(), values.end(), 0.0);
  double sum = 0, best = noise.critical(3 * std::log(n), n / 2);
  std::size_t found = 0;
  for (std::size_t k = 1; k <= most; ++k) {
    sum += values[k - 1];
    const double left = static_cast<double>(k), right = n - left;
    const double step = sum / left - (total - sum) / right;
    const double gain = step * step / (noise.variance_of_mean(left) + noise.variance_of_mean(right));
    if (step > 0 && gain > best) {
      best = gain;
      found = k;
    }
  }
  return found;
}

// The split that explains most of the squares; least: values in each part.
std::size_t best_split(std::span<const double> values, std::size_t least) {
  const double n = static_cast<double>(values.size());
  const double total = std::accumulate(values.begin(), values.end(), 0.0);
  double sum = std::accumulate(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(least) - 1, 0.0);
  double best = -1;
  std::size_t found = least;
  for (std::size_t k = least; k + least <= values.size(); ++k) {
    sum += values[k - 1];
    const double left = static_cast<double>(k), right = n - left;
    const double step = sum / left - (total - sum) / right;
    if (left * right * step * step <= best) continue;
    best = left * right * step * step;
    found = k;
  }
  return found;
}

std::vector<double> clipped_logarithms(std::span<const double> seconds) {
  std::vector<double> logs;
  for (const double s : seconds) logs.push_back(std::log(s));
  const double middle = median(logs), sigma = noise_of(logs, kSmallestSpread).sigma;
  for (double& v : logs) v = std::clamp(v, middle - kLevelClip * sigma, middle + kLevelClip * sigma);
  return logs;
}

double sum_of_squares(std::span<const double> values) {
  return std::inner_product(values.begin(), values.end(), values.begin(), 0.0);
}

std::vector<double> without_levels(std::span<const double> values, std::size_t split) {
  const double first = mean(values.first(split)), second = mean(values.subspan(split));
  std::vector<double> rest(values.begin(), values.end());
  for (std::size_t i = 0; i < rest.size(); ++i) rest[i] -= i < split ? first : second;
  return rest;
}

std::vector<double> without_line(std::span<const double> values) {
  const double middle = mean(values), centre = static_cast<double>(values.size() - 1) / 2;
  double products = 0, squares = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double place = static_cast<double>(i) - centre;
    products += place * (values[i] - middle);
    squares += place * place;
  }
  std::vector<double> rest;
  for (std::size_t i = 0; i < values.size(); ++i)
    rest.push_back(values[i] - middle - products / squares * (static_cast<double>(i) - centre));
  return rest;
}

// What is left once the change is taken out, be it a step or a slope.
std::vector<double> without_change(std::span<const double> values, std::size_t split) {
  std::vector<double> step = without_levels(values, split), slope = without_line(values);
  return sum_of_squares(step) <= sum_of_squares(slope) ? step : slope;
}

}  // namespace

std::int64_t warmup_steps(std::span<const double> step_seconds) {
  const std::size_t n = step_seconds.size();
  if (n < kFewestSteps) return 0;
  const std::span<const double> settled = step_seconds.subspan(n / 2);
  const double middle = median(settled);
  const SeriesNoise noise = noise_of(settled, kSmallestSpread * std::abs(middle));
  std::vector<double> values;
  for (const double v : step_seconds) values.push_back(std::clamp((v - middle) / noise.sigma, -kClip, kClip));

  const std::size_t most = std::min(n / 2, std::max<std::size_t>(50, n / 10));
  std::size_t warm = 0;
  for (std::size_t more = 1; more > 0 && warm < most; warm += more)
    more = slower_beginning(std::span<const double>(values).subspan(warm), most - warm, noise);
  return static_cast<std::int64_t>(warm);
}

std::optional<LevelChange> level_change(std::span<const double> step_seconds) {
  const std::size_t n = step_seconds.size(), least = std::max(kFewestOfLevel, n / 10);
  if (n < 2 * least || !std::all_of(step_seconds.begin(), step_seconds.end(), [](double s) { return s > 0; }))
    return {};
  const std::vector<double> logs = clipped_logarithms(step_seconds);
  const std::size_t split = best_split(logs, least);
  const LevelChange change{static_cast<std::int64_t>(split), median(step_seconds.first(split)),
                           median(step_seconds.subspan(split))};
  if (!(std::abs(std::log(change.after / change.before)) > std::log(1 + kLeastChange))) return {};
  const double step = mean(std::span(logs).subspan(split)) - mean(std::span(logs).first(split));
  const SeriesNoise noise = noise_of(without_change(logs, split), kSmallestSpread);
  if (noise.independent(static_cast<double>(n)) < kFewestIndependent) return {};
  const double variance = noise.sigma * noise.sigma *
                          (noise.variance_of_mean(static_cast<double>(split)) +
                           noise.variance_of_mean(static_cast<double>(n - split)));
  const double size = static_cast<double>(n);
  if (step * step <= noise.critical(8 * std::log(size), size) * variance) return {};
  return change;
}

}  // namespace lockstep
