// A number and its uncertainty.
#pragma once

#include <optional>
#include <utility>

namespace lockstep {

// A number and, if there are repetitions, its 95 % interval.
struct Estimate {
  double value = 0;
  struct Bounds {
    double low = 0, high = 0;
  };
  std::optional<Bounds> interval;
  // For a single launch, which has no interval: from its own steps alone. The next launch may lie outside.
  std::optional<Bounds> within_launch = {};
};

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
