// Data-parallel training on 1..N ranks, started by mpirun or srun.
#include "train/program.hpp"

int main(int argc, char** argv) {
  return lockstep::run_trainer(argc, argv,
                               {"train_ddp", "data-parallel training on 1..N ranks under mpirun or srun",
                                lockstep::Mode::data_parallel, lockstep::UseMpi::yes});
}
