// Step times as an autocorrelated series: how much its means vary by chance. Pure.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

namespace lockstep {

// Noise, modelled as first-order autoregression, AR(1).
struct SeriesNoise {
  double sigma = 0;  // of one value
  double rho = 0;    // correlation of neighbours, 0 to 0.98
  // Variance of the mean of n neighbours, in units of sigma^2.
  double variance_of_mean(double n) const;
  // The number of independent values that are worth n successive ones for the mean, for large n.
  double independent(double n) const { return n * (1 - rho) / (1 + rho); }
  // A critical value for a squared difference in units of its variance, where sigma and rho come from n
  // values: the larger, the fewer independent ones there are among them, and three times as large at the
  // most.
  double critical(double value, double n) const { return value * (1 + 4 / std::max(2.0, independent(n))); }
};

// sigma from the median absolute deviation, rho from the correlation of neighbours with values further than 5
// sigma out counted as 5; both corrected for what a short series hides. values: deviations from where they
// are thought to lie, at least 3. least_sigma: what is taken for equal.
SeriesNoise noise_of(std::span<const double> values, double least_sigma);

}  // namespace lockstep
