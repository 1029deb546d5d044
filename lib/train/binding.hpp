// What a user is told about where ranks and threads run.
#pragma once

#include <string>
#include <vector>

#include "results/run_data.hpp"
#include "train/setup.hpp"

namespace lockstep {

// Ranks, devices, and the map of threads over cores, caches and NUMA nodes; lines, with the warning below if there is one.
std::string describe_binding(const Setup& setup, const std::vector<RankEnvironment>& ranks);

// One line if the CPU computes and threads must take turns on cores; else empty.
std::string crowded_cores_warning(const Setup& setup, const std::vector<RankEnvironment>& ranks);

}  // namespace lockstep
