// Times the collectives of a back end, between the ranks that mpirun or srun starts.
#include "apps/commbench/program.hpp"
#include "comm/agreement.hpp"
#include "launch/session.hpp"

int main(int argc, char** argv) {
  return lockstep::run_main(argc, argv, lockstep::UseMpi::yes, [&](lockstep::World& world) {
    const lockstep::BenchOptions options = lockstep::parse_bench_options(argc, argv);
    std::string flags;
    for (int i = 1; i < argc; ++i) flags += std::string(i > 1 ? " " : "") + argv[i];
    lockstep::require_same_launch(world, "commbench", {{"the list of flags", flags}});
    return lockstep::run_commbench(options, world);
  });
}
