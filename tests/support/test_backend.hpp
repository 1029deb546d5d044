// The back end that the tests of several ranks run over: what LOCKSTEP_TEST_BACKEND names, which CTest sets
// (cmake/Tests.cmake). mpi; shm; nodes: shm, with one node taken for several of two ranks.
#pragma once

#include <mpi.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "comm/mpi_communicator.hpp"
#include "config/run_config.hpp"

namespace lockstep::test {

inline std::string test_backend() {
  const char* const name = std::getenv("LOCKSTEP_TEST_BACKEND");
  return name == nullptr ? "mpi" : name;
}

// Collective over all ranks of the test.
inline std::unique_ptr<Communicator> make_test_communicator() {
  if (test_backend() == "mpi") return make_mpi_communicator(MPI_COMM_WORLD);
  ShmOutcome made = make_shm_communicator(MPI_COMM_WORLD, nullptr, test_backend() == "nodes" ? 2 : 0);
  if (!made.communicator) throw run_error("no shared memory for the test: {}", made.obstacle);
  return std::move(made.communicator);
}

// parallel.backend of runs on several ranks.
inline BackendKind backend_key() { return test_backend() == "mpi" ? BackendKind::mpi : BackendKind::shm; }

}  // namespace lockstep::test
