#include "analysis/metrics/learning.hpp"

#include <algorithm>

namespace lockstep {

const LearningPoint* first_at_target(std::span<const LearningPoint> curve, double target,
                                     bool higher_is_better) {
  const auto reached = std::find_if(curve.begin(), curve.end(), [&](const LearningPoint& point) {
    return higher_is_better ? point.metric >= target : point.metric <= target;
  });
  return reached == curve.end() ? nullptr : &*reached;
}

double target_near(double best, double chance) { return best - 0.05 * (best - chance); }

std::optional<double> censored_median(std::span<const std::optional<double>> values) {
  std::vector<double> known;
  for (const std::optional<double>& value : values)
    if (value) known.push_back(*value);
  std::sort(known.begin(), known.end());
  // Both of the middle two must be known.
  const std::size_t n = values.size(), upper = n / 2;
  if (n == 0 || upper >= known.size()) return {};
  return n % 2 == 1 ? known[upper] : (known[upper - 1] + known[upper]) / 2;
}

double statistical_efficiency(double baseline_samples, double samples) { return baseline_samples / samples; }

std::optional<double> gradient_noise_scale(double small_batch, double small_norm_squared, double large_batch,
                                           double large_norm_squared) {
  if (!(large_batch > small_batch && small_batch > 0)) return {};
  const double mean_squared =
      (large_batch * large_norm_squared - small_batch * small_norm_squared) / (large_batch - small_batch);
  const double variance = (small_norm_squared - large_norm_squared) / (1 / small_batch - 1 / large_batch);
  if (!(mean_squared > 0)) return {};
  return variance / mean_squared;
}

}  // namespace lockstep
