// The table of communicators. To add one: a pair of files and one row in backends.cpp.
#pragma once

#include <c10/core/Device.h>

#include <memory>
#include <string>

#include "comm/communicator.hpp"
#include "comm/sim_communicator.hpp"
#include "config/run_config.hpp"
#include "launch/group.hpp"

namespace lockstep {

// Collective: all ranks of the group, which is the World or a part of it. The communicator must not outlive
// the World.
// automatic: `self` without MPI; else `nccl` when the tensors are on CUDA devices, the build has NCCL and
// every rank of a node has its own GPU; else `shm` when they are on CPUs, some ranks share a node, and can
// share its memory (if they cannot, Communicator::remark says why); else `mpi`. Without MPI the answer is always
// `self`. `place` names
// the key in messages: RunConfig::place("parallel.backend"). Error(bad_input) when the back end asked for is
// not in the build or does not fit the devices. sim: what the back end sim simulates, over mpi; of no
// consequence for the others.
std::unique_ptr<Communicator> make_communicator(BackendKind kind, const c10::Device& device, Group& group,
                                                const std::string& place = "'parallel.backend'",
                                                const SimOptions& sim = {});

}  // namespace lockstep
