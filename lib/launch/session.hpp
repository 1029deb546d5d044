// How a program starts and ends: the World of this process, and run_main, the frame of every main(). Signals,
// lost ranks and errors end all ranks with one line on stderr; see watchdog.hpp.
#pragma once

#include <functional>
#include <memory>

#include "base/error.hpp"
#include "launch/time_limit.hpp"
#include "launch/world.hpp"

namespace lockstep {

// One rank, no MPI: nothing of MPI is called. The signals that end a run (watchdog.hpp) are handled while it
// lives.
std::unique_ptr<World> self_world(const TimeLimit& limit = {});

// Collective over the processes that mpirun or srun started. Initialises MPI (MPI_THREAD_MULTIPLE, else
// Error), to be called before the program starts threads of its own: the signals that end a run are blocked
// in them from here on. If a rank makes no progress for longer than the limit while others wait for it, all end.
// Destroying it finalises MPI, unless an exception is on its way out. At most one in a process.
std::unique_ptr<World> mpi_world(int argc, char** argv, const TimeLimit& limit = {});

enum class UseMpi { no, yes };

// Runs body and returns the exit code for main. A throwing body ends all ranks: one line "program: message"
// on stderr, with " (rank r)" when there are several, and the exit code of the Error (1 for any other
// exception). body returns the same code on every rank. Error(bad_input) where a launcher has started several
// tasks and the world has one rank. What body has written to stdout is flushed and checked. SIGPIPE and
// SIGXFSZ are ignored from here on: whoever writes is told by an error.
int run_main(int argc, char** argv, UseMpi use_mpi, const std::function<ExitCode(World&)>& body,
             const TimeLimit& limit = {});

}  // namespace lockstep
