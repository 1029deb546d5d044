#include "launch/launch_environment.hpp"

#include <map>

#include "base/error.hpp"
#include "support/catch.hpp"

using namespace lockstep;

namespace {

using Variables = std::map<std::string, std::string>;

Launch launch_with(const Variables& set) {
  return read_launch([&](const std::string& name) {
    const auto found = set.find(name);
    return found == set.end() ? std::string() : found->second;
  });
}

// The objection; empty: none.
template <typename Check>
std::string objection(const Check& check) {
  try {
    check();
  } catch (const Error& error) {
    REQUIRE(error.code() == ExitCode::bad_input);
    return error.what();
  }
  return {};
}

}  // namespace

TEST_CASE("who started this process, and as one of how many") {
  CHECK(launch_with({}).tasks == 1);
  // Within a job, before any step: Slurm has started one process.
  CHECK(launch_with({{"SLURM_JOB_ID", "1"}, {"SLURM_NTASKS", "4"}, {"SLURM_PROCID", "0"}}).tasks == 1);
  const Launch step =
      launch_with({{"SLURM_NTASKS", "4"}, {"SLURM_STEP_NUM_TASKS", "4"}, {"SLURM_PROCID", "3"}});
  CHECK(step.tasks == 4);
  CHECK(step.rank == 3);
  CHECK(step.launcher == "srun");
  // mpirun of one rank within a step of several daemons.
  const Launch within = launch_with({{"SLURM_STEP_NUM_TASKS", "2"},
                                     {"SLURM_PROCID", "1"},
                                     {"OMPI_COMM_WORLD_SIZE", "1"},
                                     {"OMPI_COMM_WORLD_RANK", "0"}});
  CHECK(within.tasks == 1);
  CHECK(launch_with({{"PMI_SIZE", "2"}, {"PMI_RANK", "1"}}).tasks == 2);
  CHECK(launch_with({{"FLUX_JOB_SIZE", "3"}, {"FLUX_TASK_RANK", "1"}}).rank == 1);
  CHECK(launch_with({{"JSM_NAMESPACE_SIZE", "3"}, {"JSM_NAMESPACE_RANK", "2"}}).tasks == 3);
  CHECK(launch_with({{"PMI_SIZE", "many"}, {"PMI_RANK", "1"}}).tasks == 1);
}

TEST_CASE("several tasks and a world of one rank are refused with the remedy") {
  const Launch srun{"srun", "SLURM_STEP_NUM_TASKS", 2, 0},
      mpirun{"Open MPI's mpirun", "OMPI_COMM_WORLD_SIZE", 2, 1};
  const std::string by_srun = objection([&] { require_joined(srun, 1, "Open MPI v4.1.4"); });
  CHECK(by_srun.find("srun started 2 tasks") == 0);
  CHECK(by_srun.find("MPI sees 1 rank") != std::string::npos);
  CHECK(by_srun.find("srun --mpi=pmix (srun --mpi=list") != std::string::npos);
  CHECK(objection([&] { require_joined(mpirun, 1, "MPICH 4.0"); }).find("(MPICH 4.0)") != std::string::npos);
  CHECK(objection([&] { require_joined(srun, 2, "x"); }).empty());
  CHECK(objection([&] { require_joined({}, 1, "x"); }).empty());
  CHECK(objection([&] { require_alone({}, "train_seq"); }).empty());
  const std::string alone = objection([&] { require_alone(mpirun, "train_seq"); });
  CHECK(alone.find("train_seq trains on one rank, but Open MPI's mpirun started 2 of it") == 0);
  CHECK(alone.find("or run train_ddp") != std::string::npos);
  CHECK(objection([&] { require_alone(srun, "train_seq"); }).find("srun --ntasks=1") != std::string::npos);
}
