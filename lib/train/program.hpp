// The body of train_seq, train_ddp and train_mp: command line to exit code.
#pragma once

#include <functional>
#include <string>

#include "launch/session.hpp"

namespace lockstep {

struct Setup;

struct TrainerProgram {
  std::string name;   // "train_ddp"
  std::string about;  // one line for --help
  std::string mode;   // "seq", "ddp", or "mp" for split models
  UseMpi use_mpi;
  // For programs of one's own: called on every rank once the ranks have met, and between what the
  // configuration says and the training by it. Null: nothing is.
  std::function<void(World&)> at_start = {};
  std::function<void(Setup&)> change_setup = {};
};

// The whole of main(). Returns the exit code.
int run_trainer(int argc, char** argv, const TrainerProgram& program);

}  // namespace lockstep
