#include "analysis/metrics/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
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

// Expansion around the normal quantile z (Abramowitz and Stegun 26.7.5).
double expanded_t(double n) {
  constexpr double z = 1.959964, z2 = z * z;
  return z + z * (z2 + 1) / 4 / n + z * ((5 * z2 + 16) * z2 + 3) / 96 / (n * n) +
         z * (((3 * z2 + 19) * z2 + 17) * z2 - 15) / 384 / (n * n * n);
}

// With t = sqrt(n) tan(x), P(|T| < t) is proportional to the integral of cos^(n-1) from 0 to x: by Simpson's
// rule in 64 parts, and x by bisection.
double searched_t(double n) {
  constexpr int kParts = 64, kHalvings = 45;
  const double scale =
      2 * std::exp(std::lgamma((n + 1) / 2) - std::lgamma(n / 2)) / std::sqrt(std::numbers::pi);
  const auto probability = [&](double x) {
    double sum = 0;
    for (int i = 0; i <= kParts; ++i)
      sum += (i == 0 || i == kParts ? 1 : i % 2 == 1 ? 4 : 2) * std::pow(std::cos(x * i / kParts), n - 1);
    return scale * sum * x / kParts / 3;
  };
  double low = 0, high = std::numbers::pi / 2;
  for (int i = 0; i < kHalvings; ++i) {
    const double middle = (low + high) / 2;
    (probability(middle) < 0.95 ? low : high) = middle;
  }
  return std::sqrt(n) * std::tan(low);
}

}  // namespace

Estimate within(Estimate estimate, double least, double most) {
  for (auto* bounds : {&estimate.interval, &estimate.within_launch})
    if (*bounds) *bounds = {std::max(least, (*bounds)->low), std::min(most, (*bounds)->high)};
  return estimate;
}

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

double student_t(double degrees_of_freedom) {
  if (!(degrees_of_freedom > 0)) return std::numeric_limits<double>::infinity();
  constexpr double kMany = 60;  // from here on the expansion is exact to seven digits
  return degrees_of_freedom > kMany ? expanded_t(degrees_of_freedom) : searched_t(degrees_of_freedom);
}

double expected_largest_normal(double n) {
  if (!(n > 1)) return 0;
  // The normal quantile of (n - 0.375) / (n + 0.25), by bisection of erfc.
  const double above = 1 - (n - 0.375) / (n + 0.25);
  double low = 0, high = 40;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (std::erfc(middle / std::numbers::sqrt2) / 2 > above ? low : high) = middle;
  }
  return low;
}

}  // namespace lockstep
