#include "launch/launch_environment.hpp"

#include <charconv>
#include <cstdlib>

#include "base/error.hpp"

namespace lockstep {

namespace {

struct Launcher {
  const char* size;
  const char* rank;
  const char* name;
};

// The innermost first: mpirun within a job of Slurm leaves Slurm's variables in place. A Slurm job alone
// (SLURM_NTASKS) started nothing yet: its step does.
constexpr Launcher kLaunchers[] = {
    {"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "Open MPI's mpirun"},
    {"MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_RANK", "MVAPICH's mpirun"},
    {"PMI_SIZE", "PMI_RANK", "a launcher that speaks PMI (MPICH's or Intel's mpirun, srun --mpi=pmi2)"},
    {"JSM_NAMESPACE_SIZE", "JSM_NAMESPACE_RANK", "jsrun"},
    {"FLUX_JOB_SIZE", "FLUX_TASK_RANK", "flux"},
    {"SLURM_STEP_NUM_TASKS", "SLURM_PROCID", "srun"},
};

// -1: not a number.
int number(const std::string& text) {
  int value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : -1;
}

}  // namespace

Launch read_launch(const std::function<std::string(const std::string&)>& lookup) {
  for (const Launcher& launcher : kLaunchers) {
    const int tasks = number(lookup(launcher.size)), rank = number(lookup(launcher.rank));
    if (tasks >= 1 && rank >= 0) return {launcher.name, launcher.size, tasks, rank};
  }
  return {};
}

Launch read_launch() {
  return read_launch([](const std::string& name) -> std::string {
    const char* const value = std::getenv(name.c_str());
    return value ? value : "";
  });
}

void require_joined(const Launch& launch, int mpi_ranks, const std::string& library) {
  if (mpi_ranks > 1 || launch.tasks <= 1) return;
  const bool slurm = launch.variable == std::string("SLURM_STEP_NUM_TASKS");
  throw input_error("{} started {} tasks ({}), but MPI sees 1 rank: each would train alone; {}",
                    launch.launcher, launch.tasks, launch.variable,
                    slurm
                        ? "use srun --mpi=pmix (srun --mpi=list shows what this Slurm has), or mpirun"
                        : fmt::format("start it with the mpirun of the MPI it was built with ({})", library));
}

void require_alone(const Launch& launch, const std::string& program) {
  if (launch.tasks <= 1) return;
  const bool slurm = launch.variable == std::string("SLURM_STEP_NUM_TASKS");
  throw input_error("{} trains on one rank, but {} started {} of it ({}); {}, or run train_ddp", program,
                    launch.launcher, launch.tasks, launch.variable,
                    slurm ? "use srun --ntasks=1" : "start it without a launcher, or only once");
}

}  // namespace lockstep
