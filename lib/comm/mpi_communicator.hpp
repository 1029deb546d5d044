// Communicator over MPI, for host tensors, and for device tensors staged through pinned host memory; if wanted
// over memory that the ranks of a node share. One communication thread per communicator runs the operations in
// launch order; in shared memory on one node, whoever waits does (node_engine.hpp).
#pragma once

#include <mpi.h>

#include <memory>
#include <string>

#include "comm/communicator.hpp"
#include "launch/flight_recorder.hpp"

namespace lockstep {

// How the communication thread waits for the other ranks to reach a collective. nap: with short sleeps while
// its caller computes, so that the computation keeps the core. block: inside MPI, which polls without pause;
// only benchmarks/comm_overlap.cpp asks for it, to measure the difference.
enum class ArrivalWait { nap, block };

// Collective over parent, which is duplicated. Error when MPI_THREAD_MULTIPLE was not provided. The
// communicator must be destroyed before MPI is finalised; operations that have not been waited for by then
// are abandoned. Beyond the contract of Communicator: messages start in launch order, but do not wait for
// each other, so that two ranks may both send before they receive. flight: told of every operation; outlives
// the communicator; null: none.
std::unique_ptr<Communicator> make_mpi_communicator(MPI_Comm parent, ArrivalWait wait = ArrivalWait::nap,
                                                    FlightRecorder* flight = nullptr);

// The same, but all-reduces of host tensors go through memory that the ranks of a node share, on one node all
// collectives do, and messages and what is between the nodes go through MPI. The back end "shm".
struct ShmOutcome {
  std::unique_ptr<Communicator> communicator;  // null where the ranks cannot share memory
  std::string obstacle;                        // why, one line; the same on every rank
};
// Collective over parent. ranks_per_node: 0, or for tests, to take a node for several ones.
ShmOutcome make_shm_communicator(MPI_Comm parent, FlightRecorder* flight = nullptr, int ranks_per_node = 0);

}  // namespace lockstep
