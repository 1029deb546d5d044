// Speedup and the quantities that follow from it. Pure.
#pragma once

#include <cstdint>
#include <optional>

namespace lockstep {

// S = T_1 / T_p: times of the same work.
double speedup(double seconds_on_one, double seconds_on_p);
// E = S / p.
double efficiency(double speedup, std::int64_t ranks);

// The experimentally determined serial fraction e = (1/S - 1/p) / (1 - 1/p) (Karp and Flatt 1990). Constant
// over p: a serial part; rising: overhead; above 1: the ranks do extra work. NaN for p = 1.
double karp_flatt(double speedup, std::int64_t ranks);

// The share f of the work that runs in parallel by Amdahl's law, (1 - 1/S) / (1 - 1/p). Nothing where the law
// cannot hold: S < 1, or f above 1.
std::optional<double> amdahl_parallel_share(double speedup, std::int64_t ranks);

}  // namespace lockstep
