#include "analysis/quantities/numbers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace lockstep {

namespace {

const char* const kNothing = "-";

// Decimals with which the value has three significant digits once it is rounded to them.
int decimals_of(double value) {
  if (value == 0) return 0;
  return std::clamp(2 - static_cast<int>(std::floor(std::log10(1.0005 * std::abs(value)))), 0, 9);
}

}  // namespace

std::string number(double value) {
  if (!std::isfinite(value)) return kNothing;
  return fmt::format("{:.{}f}", value, decimals_of(value));
}

std::string number(const std::optional<double>& value) { return value ? number(*value) : kNothing; }

std::string milliseconds(double seconds) { return number(1000 * seconds); }

std::string percent(double share) {
  if (!std::isfinite(share)) return kNothing;
  const double tenths = std::round(1000 * share);
  return fmt::format("{:.1f}", (tenths == 0 ? 0 : tenths) / 10);  // no "-0.0"
}

std::string percent(const std::optional<double>& share) { return share ? percent(*share) : kNothing; }

std::string bounds_of(const Estimate& estimate, const Estimate::Bounds& bounds, double factor,
                      const char* between) {
  const int decimals = decimals_of(factor * estimate.value);
  return fmt::format("{:.{}f}{}{:.{}f}", factor * bounds.low, decimals, between, factor * bounds.high,
                     decimals);
}

const char* words_for(Limit limit) {
  if (limit == Limit::none) return "";
  return limit == Limit::at_least ? "at least " : "at most ";
}

std::string with_interval(const Estimate& estimate, double factor) {
  const double value = factor * estimate.value;
  if (!estimate.interval || !std::isfinite(value)) return words_for(estimate.limit) + number(value);
  const int decimals = decimals_of(value);
  return fmt::format("{:.{}f} [{:.{}f}, {:.{}f}]", value, decimals, factor * estimate.interval->low, decimals,
                     factor * estimate.interval->high, decimals);
}

std::string with_interval(const std::optional<Estimate>& estimate, double factor) {
  return estimate ? with_interval(*estimate, factor) : kNothing;
}

}  // namespace lockstep
