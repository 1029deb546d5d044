// Sequential training: one rank, no parallelism, no MPI. The baseline of every comparison.
#include "train/program.hpp"

int main(int argc, char** argv) {
  return lockstep::run_trainer(argc, argv,
                               {"train_seq", "sequential training on one rank: the baseline",
                                lockstep::Mode::sequential, lockstep::UseMpi::no});
}
