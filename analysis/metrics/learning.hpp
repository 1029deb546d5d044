// How fast a model learns, independently of the speed of its steps. Pure.
#pragma once

#include <optional>
#include <span>
#include <vector>

namespace lockstep {

// After each epoch: what had been spent, and the validation metric.
struct LearningPoint {
  double seconds = 0, samples = 0;  // of training, from the begin
  double metric = 0;                // NaN: not measured
};

// The first point at which the metric reaches the target; null if it never does (censored).
const LearningPoint* first_at_target(std::span<const LearningPoint> curve, double target,
                                     bool higher_is_better);

// The metric that is "95 % of the best": best minus a twentieth of the way from chance to it. chance is 0
// where it is not known.
double target_near(double best, double chance);

// The median of what is known of it: of n runs those that never reached the target count as later than all
// others. Nothing when half of them or more never did.
std::optional<double> censored_median(std::span<const std::optional<double>> values);

// The baseline's samples to the target divided by the group's: 1 if parallel training learns as much per
// sample, below 1 if it needs more samples.
double statistical_efficiency(double baseline_samples, double samples);

// McCandlish et al. 2018: tr(Sigma) / |G|^2, in samples, from the squared norms of gradients over a small and
// a large batch. Averages of norms_squared over many steps belong here, as each step's estimate is noisy.
// Nothing when the batches are equal or the estimate of |G|^2 is not positive.
std::optional<double> gradient_noise_scale(double small_batch, double small_norm_squared, double large_batch,
                                           double large_norm_squared);

}  // namespace lockstep
