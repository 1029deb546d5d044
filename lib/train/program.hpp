// The body of train_seq, train_ddp and train_mp: command line to exit code.
#pragma once

#include <string>

#include "base/mode.hpp"
#include "launch/session.hpp"

namespace lockstep {

struct TrainerProgram {
  std::string name;   // "train_ddp"
  std::string about;  // one line for --help
  Mode mode;          // as prepare_setup takes it
  UseMpi use_mpi;
};

// The whole of main(). Returns the exit code.
int run_trainer(int argc, char** argv, const TrainerProgram& program);

}  // namespace lockstep
