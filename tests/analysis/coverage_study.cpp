// Prints how often the interval of a speedup holds the truth, as docs/metrics.md shows it.
//     coverage_study [EXPERIMENTS]     300 a row where nothing is said
#include <fmt/format.h>

#include <cstdlib>

#include "analysis/support/experiment.hpp"

int main(int argc, char** argv) {
  using namespace lockstep::test;
  const int experiments = argc > 1 ? std::atoi(argv[1]) : 300;
  if (experiments < 1) {
    fmt::print(stderr, "coverage_study: '{}' is not a number of experiments; give one above 0\n", argv[1]);
    return 2;
  }
  fmt::print(
      "| launches | noise | S 1 | 1.1 | 1.47 | 3 | width / S | by Welch's "
      "|\n|---|---|---|---|---|---|---|---|\n");
  for (const Noise noise : kNoises)
    for (const std::size_t launches : {3, 5, 10}) {
      fmt::print("| {} | {} |", launches, name_of(noise));
      Coverage c;
      for (const double speedup : {1.0, 1.1, 1.47, 3.0}) {
        c = coverage_of({launches, noise, speedup}, experiments);
        fmt::print(" {:.1f} |", 100 * c.held);
      }
      fmt::print(" {:.3f} | {:.2f} |\n", c.width, c.width / c.welch_width);
    }
  return 0;
}
