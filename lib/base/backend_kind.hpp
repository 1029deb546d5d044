// What carries tensors between ranks.
#pragma once

#include <array>

#include "base/names.hpp"

namespace lockstep {

enum class BackendKind {
  automatic,  // as requested: the best for these ranks (comm/backends.hpp)
  mpi,        // messages
  shm,        // memory that the ranks of a node share, MPI between nodes
  nccl,       // GPUs
  sim,        // another back end, and the delays of a simulated link
  self,       // one rank, which has nobody to send to; cannot be requested
};

template <>
inline constexpr auto kNames<BackendKind> = std::to_array<Named<BackendKind>>({
    {"auto", BackendKind::automatic},
    {"mpi", BackendKind::mpi},
    {"shm", BackendKind::shm},
    {"nccl", BackendKind::nccl},
    {"sim", BackendKind::sim},
    {"self", BackendKind::self},
});

}  // namespace lockstep
