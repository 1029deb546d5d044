#include "analysis/metrics/least_squares.hpp"

#include <algorithm>
#include <cmath>

#include "analysis/metrics/statistics.hpp"

namespace lockstep {

namespace {

constexpr double kHuber = 1.345;       // sigmas; 95 % as precise as least squares where errors are normal
constexpr double kNormalMad = 1.4826;  // sigma / MAD of a normal distribution
constexpr int kRounds = 30;

double residual(const Observation& o, const Coefficients& c) {
  return o.weight * (o.y - c.a * o.x1 - c.b * o.x2);
}

double cost(std::span<const Observation> observations, const Coefficients& c) {
  double sum = 0;
  for (const Observation& o : observations) sum += residual(o, c) * residual(o, c);
  return sum;
}

}  // namespace

Coefficients non_negative_least_squares(std::span<const Observation> observations) {
  double s11 = 0, s12 = 0, s22 = 0, s1y = 0, s2y = 0;
  for (const Observation& o : observations) {
    const double w = o.weight * o.weight;
    s11 += w * o.x1 * o.x1;
    s12 += w * o.x1 * o.x2;
    s22 += w * o.x2 * o.x2;
    s1y += w * o.x1 * o.y;
    s2y += w * o.x2 * o.y;
  }
  const double determinant = s11 * s22 - s12 * s12;
  if (determinant > 1e-12 * s11 * s22) {
    const Coefficients free{(s1y * s22 - s2y * s12) / determinant, (s2y * s11 - s1y * s12) / determinant};
    if (free.a >= 0 && free.b >= 0) return free;
  }
  const Coefficients second{0, s22 > 0 ? std::max(0.0, s2y / s22) : 0};
  if (!(determinant > 1e-12 * s11 * s22)) return second;
  const Coefficients first{std::max(0.0, s1y / s11), 0};
  return cost(observations, first) < cost(observations, second) ? first : second;
}

Coefficients robust_non_negative_fit(std::vector<Observation> observations) {
  const std::vector<Observation> given = observations;
  Coefficients fit = non_negative_least_squares(given);
  for (int round = 0; round < kRounds && given.size() > 2; ++round) {
    std::vector<double> sizes;
    for (const Observation& o : given) sizes.push_back(std::abs(residual(o, fit)));
    const double bound = kHuber * kNormalMad * median(sizes);
    if (!(bound > 0)) return fit;
    for (std::size_t i = 0; i < given.size(); ++i)
      observations[i].weight = given[i].weight * std::sqrt(std::min(1.0, bound / std::max(sizes[i], bound)));
    const Coefficients next = non_negative_least_squares(observations);
    const bool settled = std::abs(next.a - fit.a) <= 1e-9 * fit.a && std::abs(next.b - fit.b) <= 1e-9 * fit.b;
    fit = next;
    if (settled) break;
  }
  return fit;
}

}  // namespace lockstep
