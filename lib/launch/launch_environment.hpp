// What the environment says of who started this process, and as one of how many: to be read before MPI_Init,
// which adds to it.
#pragma once

#include <functional>
#include <string>

namespace lockstep {

struct Launch {
  std::string launcher;  // "srun"; empty: nobody that tells
  std::string variable;  // that says how many: "SLURM_STEP_NUM_TASKS"
  int tasks = 1;
  int rank = 0;  // among them
};

// lookup: the value of an environment variable; empty where it is not set.
Launch read_launch(const std::function<std::string(const std::string&)>& lookup);
Launch read_launch();

// Each of several tasks that MPI knows nothing of would be a run of its own. Error(bad_input) with the remedy
// when MPI sees one rank where the launcher started several. library: of MPI, for the message.
void require_joined(const Launch& launch, int mpi_ranks, const std::string& library);

// For a program of one rank. Error(bad_input) with the remedy when several were started.
void require_alone(const Launch& launch, const std::string& program);

}  // namespace lockstep
