#include "analysis/metrics/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace lockstep {

namespace {

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();

double at_share(const std::vector<double>& sorted, double share) {
  if (sorted.empty()) return kNothing;
  const double place = static_cast<double>(sorted.size() - 1) * share;
  const auto below = static_cast<std::size_t>(std::floor(place));
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - std::floor(place)) * (sorted[above] - sorted[below]);
}

}  // namespace

double mean(std::span<const double> values) {
  if (values.empty()) return kNothing;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double median(std::span<const double> values) { return percentile(values, 0.5); }

double percentile(std::span<const double> values, double share) {
  return percentiles(values, {&share, 1}).front();
}

std::vector<double> percentiles(std::span<const double> values, std::span<const double> shares) {
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  std::vector<double> found;
  for (const double share : shares) found.push_back(at_share(sorted, share));
  return found;
}

}  // namespace lockstep
