// Model-parallel training, layer by layer or pipelined, and hybrid grids: started by mpirun or srun.
#include "train/program.hpp"

int main(int argc, char** argv) {
  return lockstep::run_trainer(
      argc, argv,
      {"train_mp", "training of a model that is split over ranks, under mpirun or srun",
       lockstep::Mode::layerwise, lockstep::UseMpi::yes});
}
