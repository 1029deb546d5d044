// Numbers formatted for people. A missing number is a dash.
#pragma once

#include <optional>
#include <string>

#include "analysis/quantities/estimate.hpp"

namespace lockstep {

// Three significant digits, never as a power of ten: 0.00123, 1.23, 12.3, 123, 12345.
std::string number(double value);
std::string number(const std::optional<double>& value);
std::string milliseconds(double seconds);  // as number(), without the unit
std::string percent(double share);         // one decimal, without the sign
std::string percent(const std::optional<double>& share);
// "1.38 to 1.47", with the decimals that with_interval gives the value's bounds.
std::string bounds_of(const Estimate& estimate, const Estimate::Bounds& bounds, double factor = 1,
                      const char* between = " to ");
// "", "at least " or "at most ": what stands before a number that is a bound.
const char* words_for(Limit limit);
// "1.42 [1.38, 1.47]", "1.42" without an interval, or "at least 1.42". factor: of the unit.
std::string with_interval(const Estimate& estimate, double factor = 1);
std::string with_interval(const std::optional<Estimate>& estimate, double factor = 1);

}  // namespace lockstep
