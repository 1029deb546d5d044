// Communicator over MPI, for host tensors, and for device tensors staged through pinned host memory.
// One communication thread per communicator runs the operations in launch order.
#pragma once

#include <mpi.h>

#include <memory>

#include "comm/communicator.hpp"

namespace lockstep {

// How the communication thread waits inside MPI. automatic: see mpi_progress.hpp for the rule and the
// measurement.
enum class MpiProgress { automatic, polling, blocking };

// Collective over parent, which is duplicated. Error when MPI_THREAD_MULTIPLE was not provided.
// The communicator must be destroyed before MPI is finalised; operations still running then are abandoned.
std::unique_ptr<Communicator> make_mpi_communicator(MPI_Comm parent,
                                                    MpiProgress progress = MpiProgress::automatic);

}  // namespace lockstep
