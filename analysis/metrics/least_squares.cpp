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

// Weighted sums of products: of x1 (a), x2 (b) and y.
struct Sums {
  double aa = 0, ab = 0, bb = 0, ay = 0, by = 0;
  double determinant() const { return aa * bb - ab * ab; }
  bool independent() const { return determinant() > 1e-12 * aa * bb; }
};

Sums sums_of(std::span<const Observation> observations) {
  Sums s;
  for (const Observation& o : observations) {
    const double w = o.weight * o.weight;
    s.aa += w * o.x1 * o.x1;
    s.ab += w * o.x1 * o.x2;
    s.bb += w * o.x2 * o.x2;
    s.ay += w * o.x1 * o.y;
    s.by += w * o.x2 * o.y;
  }
  return s;
}

}  // namespace

std::optional<Coefficients> least_squares(std::span<const Observation> observations) {
  const Sums s = sums_of(observations);
  if (!s.independent()) return {};
  return Coefficients{(s.ay * s.bb - s.by * s.ab) / s.determinant(),
                      (s.by * s.aa - s.ay * s.ab) / s.determinant()};
}

Coefficients non_negative_least_squares(std::span<const Observation> observations) {
  const auto free = least_squares(observations);
  if (free && free->a >= 0 && free->b >= 0) return *free;
  const Sums s = sums_of(observations);
  const Coefficients second{0, s.bb > 0 ? std::max(0.0, s.by / s.bb) : 0};
  if (!s.independent()) return second;
  const Coefficients first{std::max(0.0, s.ay / s.aa), 0};
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
