// What a run file says of a training loop of one's own before its first step.
#pragma once

#include "launch/world.hpp"
#include "record/run.hpp"
#include "results/run_data.hpp"

namespace lockstep {

// Where the module is: the device of its first parameter.
c10::Device device_of(const torch::nn::Module& module);

// Collective. Error(bad_input) that names the option where one does not fit, the same on every rank.
RunData facts_of_run(World& world, const Communicator& communicator, const RunOptions& options);

}  // namespace lockstep
