// RunOutput: where rank 0 puts what a run has to tell: the run file, the progress line, the folder. Other
// ranks have an empty one.
#pragma once

#include <string>

#include "record/progress.hpp"
#include "results/run_writer.hpp"

namespace lockstep {

struct RunOutput {
  RunWriter* writer = nullptr;
  Progress* progress = nullptr;
  std::string folder;  // of checkpoints, and of pictures that the task has to show

  bool exists() const { return writer != nullptr; }
};

}  // namespace lockstep
