// The hardware fingerprint: equal for runs on comparable hardware.
#pragma once

#include <string>
#include <vector>

#include "results/run_data.hpp"

namespace lockstep {

// Equal for runs on the same kind of hardware whatever the number of ranks and the names of the hosts:
// Digest::hex() of the set of distinct (cpu model and its count of logical CPUs, device model, memory
// to within 6 %, CPU quota where there is one and the CPU computes). It does not cover the network, clocks,
// binding, driver or library versions.
std::string hardware_fingerprint(const std::vector<RankEnvironment>& ranks);

}  // namespace lockstep
