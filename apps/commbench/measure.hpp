// Runs the cases of commbench: allocates, warms up, repeats, checks, and gathers every rank's times.
#pragma once

#include <ATen/core/Tensor.h>

#include "apps/commbench/operations.hpp"
#include "apps/commbench/options.hpp"
#include "launch/world.hpp"
#include "results/comm_bench.hpp"

namespace lockstep {

struct BenchMachine {
  World& world;
  Communicator& communicator;
  c10::Device device;
};

// Sizes of an operation's messages, ascending, without repetitions; {0} for one without a message. Those of
// an operation in parts are rounded down to what its ranks can share, and left out where that is nothing.
std::vector<std::int64_t> sizes_of(const Operation& operation, const BenchOptions& options, int ranks);

// Collective. The seconds are whole on rank 0 alone, the rest is the same on all ranks.
CommBenchCase measure(const BenchMachine& machine, const Operation& operation, std::int64_t bytes,
                      const BenchOptions& options);

}  // namespace lockstep
