// The efficiencies of the POP centre (Performance Optimisation and Productivity): where parallel efficiency
// is lost, as a product of factors. Pure.
#pragma once

#include <vector>

#include "analysis/metrics/collectives.hpp"
#include "results/run_data.hpp"

namespace lockstep {

// parallel = load_balance x communication; communication = serialisation x transfer.
struct PopFactors {
  double parallel = 0, load_balance = 0, communication = 0, serialisation = 0, transfer = 0;
};

// mean_useful, most_useful: seconds of useful work, mean over ranks and of the busiest rank; seconds: what it
// took; ideal_seconds: what it would have taken had transfers taken no time.
PopFactors pop_factors(double mean_useful, double most_useful, double seconds, double ideal_seconds);

// The run replayed with transfers that take no time: each rank does the same work between its collectives,
// and a collective ends when the last rank has come to it. A gradient bucket (bucket >= 0) is waited for
// after the backward pass, everything else where it is called. The ranks begin together; lateness is carried
// from step to step. Collectives are replayed in the order of their sequence numbers. Answer: [steps],
// seconds of each replayed step, mean over ranks.
std::vector<double> replay_without_transfer(const StepTable& steps, const CommTable& comm,
                                            const Collectives& collectives);

}  // namespace lockstep
