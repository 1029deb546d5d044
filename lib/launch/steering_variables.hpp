// Environment variables that change a run's speed without appearing in its configuration.
#pragma once

#include <string>
#include <vector>

namespace lockstep {

// Those of this process that steer NCCL, MPI, the fabric, OpenMP, CUDA or the kernels of LibTorch, "NAME=value" a line,
// sorted. What a launcher sets for itself on every rank (its addresses, identifiers of the job) is left out.
std::string steering_variables();
// Of these instead of the process's.
std::string steering_variables(const std::vector<std::string>& environment);

}  // namespace lockstep
