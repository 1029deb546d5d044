// Order statistics. Pure; no input is changed.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "analysis/quantities/estimate.hpp"

namespace lockstep {

// The estimate with bounds that what is estimated cannot leave.
Estimate within(Estimate estimate, double least, double most);

double mean(std::span<const double> values);    // NaN when empty
double median(std::span<const double> values);  // NaN when empty

// share in [0, 1]; linear interpolation between order statistics (type 7 of Hyndman and Fan 1996, the default
// of R and numpy). NaN when empty.
double percentile(std::span<const double> values, double share);
// Several percentiles for the price of one sort.
std::vector<double> percentiles(std::span<const double> values, std::span<const double> shares);

// The 97.5 percentile of Student's t distribution, which holds 95 % between its negative and itself; infinite
// for 0 degrees of freedom. They need not be a whole number, which Welch's are not. Within 1e-5 from 1 on.
double student_t(double degrees_of_freedom);

// The mean of the largest of n standard normal numbers (Blom 1958; within 2 %); 0 for n = 1.
double expected_largest_normal(double n);

}  // namespace lockstep
