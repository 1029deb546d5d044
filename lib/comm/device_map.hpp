// Which device a rank computes on. Decides from the node-local rank alone; nothing is communicated.
#pragma once

#include <c10/core/Device.h>

#include <string>

#include "comm/world.hpp"
#include "config/run_config.hpp"

namespace lockstep {

// CUDA devices this process sees; 0 in a build without CUDA or without a driver.
int visible_gpus();

// cuda: GPU number local_rank, modulo the GPUs of the node when the back end stages through the host (mpi);
// also makes it the calling thread's current device. automatic: cuda where there is a GPU for this rank, else
// cpu. Error(bad_input) naming `place` (RunConfig::place("parallel.device")) and the remedy.
c10::Device choose_device(DeviceKind kind, BackendKind backend, const World& world,
                          const std::string& place = "'parallel.device'");

}  // namespace lockstep
