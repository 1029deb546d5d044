// Changes of level in a run's step times: the end of its warm-up, and drift. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace lockstep {

// Steps at the beginning that are slower than the rest, to be left out of statistics; 0 when the test finds
// none or there are fewer than 10 steps. At most half of the steps, and at most 50 or a tenth, whichever is
// more.
//
// One change: k splits n values into two means m1 > m2; the split with the largest (m1 - m2)^2 / Var(m1 - m2)
// is accepted when that exceeds 3 ln(n) (the penalty of a Schwarz criterion for three parameters). The
// variance is that of AR(1) noise, whose sigma and correlation come from the second half; values further than
// 10 sigma from its median count as 10 sigma, so that no single late spike is taken for a change. Repeated on
// what is left until nothing is found.
std::int64_t warmup_steps(std::span<const double> step_seconds);

// A change of the steps to another level.
struct LevelChange {
  std::int64_t at = 0;           // the first step of the second part
  double before = 0, after = 0;  // seconds, medians of the two parts
};

// The split in which the logarithms of the two parts differ most (a tenth of the steps in each at the least,
// and 10); nothing where their medians differ by less than 5 %, or their means by what AR(1) noise would do:
// the square of the difference below 8 ln(n) times its variance. Drift is a change of level, too. Nothing
// also where neighbours resemble each other so much that there are fewer than 15 independent steps.
std::optional<LevelChange> level_change(std::span<const double> step_seconds);

}  // namespace lockstep
