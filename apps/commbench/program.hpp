// commbench from its command line to its file; main() and run_main are in apps/commbench.cpp.
#pragma once

#include "apps/commbench/options.hpp"
#include "base/error.hpp"
#include "launch/world.hpp"

namespace lockstep {

// Collective: all ranks. Rank 0 prints and writes.
ExitCode run_commbench(const BenchOptions& options, World& world);

}  // namespace lockstep
