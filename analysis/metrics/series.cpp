#include "analysis/metrics/series.hpp"

#include <algorithm>
#include <cmath>

#include "analysis/metrics/statistics.hpp"

namespace lockstep {

namespace {

constexpr double kNormalMad = 1.4826;  // sigma / MAD of a normal distribution
constexpr double kClip = 5;            // sigmas
constexpr double kMostRho = 0.98;
constexpr double kLeastSeen = 0.1;  // share of the variance that a short series shows at the least

double correlation_of_neighbours(std::span<const double> values, double centre, double sigma) {
  std::vector<double> clipped;
  for (const double v : values) clipped.push_back(std::clamp((v - centre) / sigma, -kClip, kClip));
  const double middle = mean(clipped);
  double products = 0, squares = 0;
  for (std::size_t i = 0; i < clipped.size(); ++i) {
    squares += (clipped[i] - middle) * (clipped[i] - middle);
    if (i > 0) products += (clipped[i] - middle) * (clipped[i - 1] - middle);
  }
  return squares > 0 ? products / squares : 0;
}

}  // namespace

double SeriesNoise::variance_of_mean(double n) const {
  const double far = 1 - rho;
  return (n * (1 + rho) / far - 2 * rho * (1 - std::pow(rho, n)) / (far * far)) / (n * n);
}

SeriesNoise noise_of(std::span<const double> values, double least_sigma) {
  const double n = static_cast<double>(values.size()), middle = median(values);
  std::vector<double> deviations;
  for (const double v : values) deviations.push_back(std::abs(v - middle));
  SeriesNoise noise{std::max(kNormalMad * median(deviations), least_sigma), 0};
  const double seen = correlation_of_neighbours(values, middle, noise.sigma);
  noise.rho = std::clamp(seen + (1 + 4 * seen) / n, 0.0, kMostRho);  // Kendall 1954
  noise.sigma /= std::sqrt(std::max(kLeastSeen, 1 - noise.variance_of_mean(n)));
  return noise;
}

}  // namespace lockstep
