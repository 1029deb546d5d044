#include "analysis/support/experiment.hpp"

#include <cmath>

#include "base/random.hpp"

namespace lockstep::test {

namespace {

constexpr double kSpread = 0.05, kKept = 0.8;
constexpr int kSteps = 100;

// Student's distribution of 3 degrees of freedom, scaled to a variance of 1.
double heavy_tailed(RandomStream& random) {
  double squares = 0;
  for (int i = 0; i < 3; ++i) {
    const double z = random.normal();
    squares += z * z;
  }
  return random.normal() / std::sqrt(squares / 3) / std::sqrt(3.0);
}

std::vector<Quantities> launch_of(Noise noise, double seconds, RandomStream& random) {
  const double deviation = noise == Noise::heavy ? heavy_tailed(random) : random.normal();
  double level = seconds * std::exp(kSpread * deviation);
  if (noise == Noise::outliers && random.below(5) == 0) level *= 2;
  std::vector<Quantities> steps(kSteps);
  double own = random.normal();
  for (Quantities& step : steps) {
    step[Quantity::samples] = 64;
    step[Quantity::wall] = level * std::exp(kSpread * own);
    own =
        noise == Noise::ar1 ? kKept * own + std::sqrt(1 - kKept * kKept) * random.normal() : random.normal();
  }
  return steps;
}

double log_mean_wall(const std::vector<Quantities>& steps) {
  double sum = 0;
  for (const Quantities& step : steps) sum += step[Quantity::wall];
  return std::log(sum / static_cast<double>(steps.size()));
}

// The mean of the launches' logarithms, and its variance.
struct Moments {
  double mean = 0, variance = 0;
};
Moments moments_of(const std::vector<std::vector<Quantities>>& launches) {
  Moments m;
  const double n = static_cast<double>(launches.size());
  for (const auto& launch : launches) m.mean += log_mean_wall(launch) / n;
  for (const auto& launch : launches) m.variance += std::pow(log_mean_wall(launch) - m.mean, 2) / (n - 1) / n;
  return m;
}

double welch_width(const std::vector<std::vector<Quantities>>& base,
                   const std::vector<std::vector<Quantities>>& group) {
  const Moments a = moments_of(base), b = moments_of(group);
  const double sum = a.variance + b.variance, n = static_cast<double>(base.size());
  const double degrees = sum * sum * (n - 1) / (a.variance * a.variance + b.variance * b.variance);
  const double half = student_t(degrees) * std::sqrt(sum);
  return std::exp(a.mean - b.mean) * (std::exp(half) - std::exp(-half));
}

}  // namespace

std::string name_of(Noise noise) {
  switch (noise) {
    case Noise::normal:
      return "normal";
    case Noise::heavy:
      return "heavy tails";
    case Noise::outliers:
      return "a fifth of the launches twice as slow";
    case Noise::ar1:
      return "AR(1) .8";
  }
  return "";
}

std::vector<std::vector<Quantities>> launches_of(const Experiment& experiment, double seconds,
                                                 std::uint64_t seed) {
  RandomStream random({seed, experiment.launches, static_cast<std::uint64_t>(experiment.noise),
                       static_cast<std::uint64_t>(100 * experiment.speedup)});
  std::vector<std::vector<Quantities>> launches;
  for (std::size_t i = 0; i < experiment.launches; ++i)
    launches.push_back(launch_of(experiment.noise, seconds, random));
  return launches;
}

StepEstimates estimates_of(const std::vector<std::vector<Quantities>>& launches) {
  return estimate_steps(std::vector<std::span<const Quantities>>(launches.begin(), launches.end()));
}

Coverage coverage_of(const Experiment& experiment, int experiments) {
  Coverage result;
  for (int i = 0; i < experiments; ++i) {
    const auto seed = static_cast<std::uint64_t>(2 * i + 1);
    const auto base = launches_of(experiment, experiment.speedup, seed),
               group = launches_of(experiment, 1, seed + 1);
    const Estimate s = estimate(
        estimates_of(group), estimates_of(base),
        [](const auto& here, const auto& there) { return there[Quantity::wall] / here[Quantity::wall]; });
    const bool holds =
        s.interval && s.interval->low <= experiment.speedup && experiment.speedup <= s.interval->high;
    result.held += (holds ? 1.0 : 0.0) / experiments;
    if (s.interval) result.width += (s.interval->high - s.interval->low) / s.value / experiments;
    result.welch_width += welch_width(base, group) / s.value / experiments;
  }
  return result;
}

}  // namespace lockstep::test
