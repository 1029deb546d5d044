// Whether the ranks' clocks agree, judged by operations that end on all ranks together. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "analysis/metrics/collectives.hpp"
#include "results/run_data.hpp"

namespace lockstep {

struct ClockGap {
  std::int32_t rank = 0, other = 0;
  double seconds = 0;  // by which the rank's collectives end later than the other's, median; below 0: earlier
  double bound = 0;    // what the transfers and the errors of the clocks can explain
};

// The largest gap beyond its bound, of each rank against the first of its group; nothing where there is none.
// In an all-reduce, all-gather or reduce-scatter nobody has ended before all have begun, so that ends lie no
// further apart than a transfer takes: 1.5 of them are allowed, 0.5 ms in any case, and the clocks' errors.
// clock_errors: [ranks], seconds; empty: 0.
std::optional<ClockGap> clock_gap(const CommTable& comm, const Collectives& collectives,
                                  std::span<const double> clock_errors);

}  // namespace lockstep
