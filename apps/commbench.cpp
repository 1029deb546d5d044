// Times the collectives of a back end, between the ranks that mpirun or srun starts.
#include "apps/commbench/program.hpp"
#include "comm/session.hpp"

int main(int argc, char** argv) {
  return lockstep::run_main(argc, argv, lockstep::UseMpi::yes, [&](lockstep::World& world) {
    return lockstep::run_commbench(lockstep::parse_bench_options(argc, argv), world);
  });
}
