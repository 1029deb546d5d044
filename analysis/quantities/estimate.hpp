// A number and its uncertainty.
#pragma once

#include <optional>
#include <utility>

namespace lockstep {

// What a number says of the true one: the number itself, or a bound of it alone.
enum class Limit { none, at_least, at_most };

// A number and, if there are repetitions, its 95 % interval.
struct Estimate {
  double value = 0;
  struct Bounds {
    double low = 0, high = 0;
  };
  std::optional<Bounds> interval;
  // For a single launch, which has no interval: from its own steps alone. The next launch may lie outside.
  std::optional<Bounds> within_launch = {};
  Limit limit = Limit::none;  // of the value: a bound has no interval
};

// The bound that is all that an estimate tells, at the end of its interval where it has one.
inline Estimate as_bound(const Estimate& estimate, Limit limit) {
  const auto& interval = estimate.interval;
  if (limit == Limit::none) return estimate;
  if (!interval) return {estimate.value, {}, {}, limit};
  return {limit == Limit::at_least ? interval->low : interval->high, {}, {}, limit};
}

// What programs are given: the value, which is missing where a bound is all there is, and the bounds.
struct Figures {
  std::optional<double> value, low, high;
};
inline Figures figures_of(const Estimate& e) {
  if (e.limit == Limit::at_least) return {{}, e.value, {}};
  if (e.limit == Limit::at_most) return {{}, {}, e.value};
  if (!e.interval) return {e.value, {}, {}};
  return {e.value, e.interval->low, e.interval->high};
}

// A monotone function of the estimate: for example the interval of a slowdown from that of the speedup.
template <typename Function>
Estimate mapped(const Estimate& estimate, Function function) {
  const auto bounds_of = [&](const std::optional<Estimate::Bounds>& b) -> std::optional<Estimate::Bounds> {
    if (!b) return {};
    Estimate::Bounds ends{function(b->low), function(b->high)};
    if (ends.low > ends.high) std::swap(ends.low, ends.high);
    return ends;
  };
  return {function(estimate.value), bounds_of(estimate.interval), bounds_of(estimate.within_launch)};
}

}  // namespace lockstep
