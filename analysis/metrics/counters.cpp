#include "analysis/metrics/counters.hpp"

#include <cmath>

#include "results/columns.hpp"

namespace lockstep {

namespace {

void add(ComputeCounts& sum, const ComputeCounts& more, double factor) {
  for (const auto& c : kCounters) sum.*c.member += factor * more.*c.member;
}

ComputeCounts zero() {
  ComputeCounts counts;
  for (const auto& c : kCounters) counts.*c.member = 0;
  return counts;
}

// (a - b) / log(a / b), which lies between the two.
double logarithmic_mean(double a, double b) {
  const double logarithm = std::log(a / b);
  return std::abs(logarithm) < 1e-9 ? a : (a - b) / logarithm;
}

}  // namespace

std::optional<ComputeCounts> mean_counts(std::span<const EpochRow> epochs) {
  ComputeCounts sum = zero();
  double ranks = 0;
  for (const EpochRow& epoch : epochs)
    for (const ComputeCounts& rank : epoch.counters) add(sum, rank, 1), ++ranks;
  if (!(sum.steps > 0)) return {};
  const double threads = sum.threads / ranks;
  ComputeCounts mean = zero();
  add(mean, sum, 1 / sum.steps);
  mean.threads = threads;
  return mean;
}

std::optional<ComputeCounts> mean_counts(std::span<const ComputeCounts> launches) {
  if (launches.empty()) return {};
  ComputeCounts mean = zero();
  for (const ComputeCounts& launch : launches) add(mean, launch, 1 / static_cast<double>(launches.size()));
  return mean;
}

double instructions_per_cycle(const ComputeCounts& counts) { return counts.instructions / counts.cycles; }

double frequency(const ComputeCounts& counts) { return counts.cycles / counts.user_seconds; }

CountedCauses counted_causes(const ComputeCounts& step, const ComputeCounts& reference, double scale) {
  const double user = step.user_seconds, before = scale * reference.user_seconds;
  const double each = logarithmic_mean(user, before) / step.threads;
  CountedCauses causes;
  causes.instructions = each * std::log(step.instructions / (scale * reference.instructions));
  causes.per_cycle = each * std::log(instructions_per_cycle(reference) / instructions_per_cycle(step));
  causes.frequency = each * std::log(frequency(reference) / frequency(step));
  causes.kernel = (step.system_seconds - scale * reference.system_seconds) / step.threads;
  causes.waiting = (step.waiting_seconds - scale * reference.waiting_seconds) / step.threads;
  return causes;
}

}  // namespace lockstep
