// A number and how sure one is of it.
#pragma once

#include <optional>

namespace lockstep {

// A number and, where there are repetitions, its 95 % interval.
struct Estimate {
  double value = 0;
  struct Bounds {
    double low = 0, high = 0;
  };
  std::optional<Bounds> interval;
};

}  // namespace lockstep
