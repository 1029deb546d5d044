// The body of sweep.
#pragma once

#include "apps/sweep/options.hpp"
#include "base/error.hpp"

namespace lockstep {

// Makes the runs that are not there yet, then calls analyze. bin: the folder of the programs.
ExitCode run_sweep(const SweepOptions& options, const std::string& bin);

}  // namespace lockstep
