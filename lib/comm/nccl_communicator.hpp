// Communicator over NCCL: CUDA tensors, one GPU a rank, on a high-priority stream of its own. The host waits
// for no operation to end. The first one between two ranks, or of another kind or order of size, makes
// connections, and its call returns only when the peers have called it too: who sends messages amid a
// computation makes them before, by small operations (train/pipeline_setup.cpp).
#pragma once

#include <c10/core/Device.h>

#include <memory>
#include <string>

#include "comm/communicator.hpp"
#include "launch/group.hpp"

namespace lockstep {

#ifdef LOCKSTEP_WITH_CUDA
// Collective: rank 0's unique id is broadcast through the group. device: this rank's own GPU.
std::unique_ptr<Communicator> make_nccl_communicator(Group& group, const c10::Device& device);
// "2.28.9"
std::string nccl_version();
#endif

}  // namespace lockstep
