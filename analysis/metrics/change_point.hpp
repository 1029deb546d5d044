// Where the warm-up of a run ends: a change-point test on its step times. Pure.
#pragma once

#include <cstdint>
#include <span>

namespace lockstep {

// Steps at the beginning that are slower than the rest, to be left out of statistics; 0 when the test finds
// none or there are fewer than 10 steps. At most half of the steps, and at most 50 or a tenth, whichever is
// more.
//
// Least squares with one change: k splits n values into two means m1 > m2; the split that explains most,
// k (n-k) / n (m1 - m2)^2, is accepted when that exceeds 3 ln(n) sigma^2 (the penalty of a Schwarz criterion
// for three parameters). sigma comes from the median absolute deviation of the second half, and values
// further than 10 sigma from its median count as 10 sigma, so that no single late spike is taken for a
// change. Repeated on what is left until nothing is found.
std::int64_t warmup_steps(std::span<const double> step_seconds);

}  // namespace lockstep
