// A run of which the pace is changed afterwards, and series of noise to change it by.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/random.hpp"
#include "results/run_data.hpp"

namespace lockstep::test {

// Each step takes factor(step) times as long, with all that is in it, on all ranks; what follows moves.
void set_pace(RunData& run, const std::function<double(std::int64_t)>& factor);
// Seconds in which nothing happens, before this step.
void insert_gap(RunData& run, std::int64_t step, double seconds);
// What a rank with another clock would have recorded.
void shift_clock(RunData& run, std::int64_t rank, double seconds);

// n values of mean 1: normal ones with standard deviation sd, of which neighbours correlate by rho.
std::vector<double> correlated_noise(RandomStream& random, std::size_t n, double sd, double rho);
// Their logarithms are normal, of standard deviation sd; independent.
std::vector<double> lognormal_noise(RandomStream& random, std::size_t n, double sd);

}  // namespace lockstep::test
