#include "analysis/metrics/change_point.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "analysis/metrics/statistics.hpp"

namespace lockstep {

namespace {

constexpr std::size_t kFewestSteps = 10;
constexpr double kClip = 10;              // sigmas
constexpr double kNormalMad = 1.4826;     // sigma / MAD of a normal distribution
constexpr double kSmallestSpread = 1e-6;  // of the median: the clock's grain on equal values

double spread_of(std::span<const double> values, double middle) {
  std::vector<double> deviations;
  for (const double v : values) deviations.push_back(std::abs(v - middle));
  return std::max(kNormalMad * median(deviations), kSmallestSpread * std::abs(middle));
}

// Length of the slower beginning, at most `most`; 0 for none. Values are in sigmas.
std::size_t slower_beginning(std::span<const double> values, std::size_t most) {
  const double n = static_cast<double>(values.size());
  const double total = std::accumulate(values.begin(), values.end(), 0.0);
  double sum = 0, best = 3 * std::log(n);
  std::size_t found = 0;
  for (std::size_t k = 1; k <= most; ++k) {
    sum += values[k - 1];
    const double left = static_cast<double>(k), right = n - left;
    const double step = sum / left - (total - sum) / right;
    const double gain = left * right / n * step * step;
    if (step > 0 && gain > best) {
      best = gain;
      found = k;
    }
  }
  return found;
}

}  // namespace

std::int64_t warmup_steps(std::span<const double> step_seconds) {
  const std::size_t n = step_seconds.size();
  if (n < kFewestSteps) return 0;
  const std::span<const double> settled = step_seconds.subspan(n / 2);
  const double middle = median(settled), spread = spread_of(settled, middle);
  std::vector<double> values;
  for (const double v : step_seconds) values.push_back(std::clamp((v - middle) / spread, -kClip, kClip));

  const std::size_t most = std::min(n / 2, std::max<std::size_t>(50, n / 10));
  std::size_t warm = 0;
  for (std::size_t more = 1; more > 0 && warm < most; warm += more)
    more = slower_beginning(std::span<const double>(values).subspan(warm), most - warm);
  return static_cast<std::int64_t>(warm);
}

}  // namespace lockstep
