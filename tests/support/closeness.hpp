// How far results are from what they should be. Whatever cannot be compared is NaN, and no bound holds of it:
// std::max(largest, NaN) keeps largest, and what is compared by it passes though a result is NaN.
#pragma once

#include <cmath>
#include <limits>
#include <span>

namespace lockstep::test {

inline constexpr double kNotComparable = std::numeric_limits<double>::quiet_NaN();

// NaN when one of them is.
inline double larger(double a, double b) { return std::isnan(a) || a > b ? a : b; }
inline double smaller(double a, double b) { return std::isnan(a) || a < b ? a : b; }

// NaN when one of them is; equal infinities differ by nothing.
inline double difference(double a, double b) { return a == b ? 0 : std::abs(a - b); }

// By the size of what was expected; infinite where that is 0 and the other is not.
inline double relative_difference(double found, double expected) {
  return found == expected ? 0 : std::abs(found - expected) / std::abs(expected);
}

template <typename Difference>
double largest_difference(std::span<const double> found, std::span<const double> expected,
                          Difference difference_of) {
  if (found.size() != expected.size() || found.empty()) return kNotComparable;
  double largest = 0;
  for (std::size_t i = 0; i < found.size(); ++i)
    largest = larger(largest, difference_of(found[i], expected[i]));
  return largest;
}

// NaN when a number is, when there are none, and when one has more than the other.
inline double largest_difference(std::span<const double> found, std::span<const double> expected) {
  return largest_difference(found, expected, difference);
}
inline double largest_relative_difference(std::span<const double> found, std::span<const double> expected) {
  return largest_difference(found, expected, relative_difference);
}

}  // namespace lockstep::test
