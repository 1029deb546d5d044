// How long a rank may make no progress: in a collective, a message, a step, or any other part of a run.
#pragma once

#include <string>

namespace lockstep {

struct TimeLimit {
  double seconds = 300;                               // 0: none
  std::string setting = "this program's time limit";  // its name, for messages
};

}  // namespace lockstep
