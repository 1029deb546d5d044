// Who starts and ends a program: the World of this process, and run_main, the frame of every main().
// Signals, lost ranks and errors end all ranks with one line on stderr; see watchdog.hpp.
#pragma once

#include <functional>
#include <memory>

#include "base/error.hpp"
#include "comm/world.hpp"

namespace lockstep {

// One rank, no MPI: nothing of MPI is called. SIGINT and SIGTERM are handled while it lives.
std::unique_ptr<World> self_world();

// Collective over the processes that mpirun or srun started. Initialises MPI (MPI_THREAD_MULTIPLE, else
// Error), to be called before the program starts threads of its own: SIGINT and SIGTERM are blocked in them
// from here on. Destroying it finalises MPI, unless an exception is on its way out. At most one in a process.
std::unique_ptr<World> mpi_world(int argc, char** argv);

enum class UseMpi { no, yes };

// Runs body and returns the exit code for main. A throwing body ends all ranks: one line "program: message"
// on stderr, with " (rank r)" when there are several, and the exit code of the Error (1 for any other
// exception). body returns the same code on every rank.
int run_main(int argc, char** argv, UseMpi use_mpi, const std::function<ExitCode(World&)>& body);

}  // namespace lockstep
