// An experiment as one would run it: launches of a baseline and of something that is so many times as fast.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "analysis/metrics/repetition.hpp"

namespace lockstep::test {

enum class Noise {
  normal,    // launches differ by 5 %
  heavy,     // by 5 %, with Student's distribution of 3 degrees of freedom
  outliers,  // by 5 %, and a fifth of them takes twice as long
  ar1,       // by 5 %, and of each step's deviation of 5 % the next one keeps .8
};
inline constexpr Noise kNoises[] = {Noise::normal, Noise::heavy, Noise::outliers, Noise::ar1};
std::string name_of(Noise noise);

struct Experiment {
  std::size_t launches = 3;
  Noise noise = Noise::normal;
  double speedup = 1;  // the truth
};

// What the intervals of so many experiments came to.
struct Coverage {
  double held = 0;   // share of the intervals that hold the truth
  double width = 0;  // mean of the interval's width by its value
  double welch_width =
      0;  // of the textbook's interval (Welch 1947) on the logarithms of the same launch means
};
Coverage coverage_of(const Experiment& experiment, int experiments);

// The steps of one group of launches, whose true step takes `seconds`.
std::vector<std::vector<Quantities>> launches_of(const Experiment& experiment, double seconds,
                                                 std::uint64_t seed);
StepEstimates estimates_of(const std::vector<std::vector<Quantities>>& launches);

}  // namespace lockstep::test
