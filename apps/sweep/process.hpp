// Runs a command to its end, with a time limit, and ends it when this process is told to end.
#pragma once

#include <string>
#include <vector>

namespace lockstep {

struct ProcessEnd {
  int exit_code = 0;  // 128 + signal when one ended it, as shells say it
  bool timed_out = false;
  bool interrupted = false;  // by a SIGINT, SIGTERM or SIGHUP that this process received
  double seconds = 0;
};

// While one lives, SIGINT, SIGTERM and SIGHUP are kept for run_process. One a process, before any thread.
class SignalsHeld {
 public:
  SignalsHeld();
  ~SignalsHeld();
  SignalsHeld(const SignalsHeld&) = delete;
  SignalsHeld& operator=(const SignalsHeld&) = delete;
};

// Both streams of the command go to the file `log`. At the limit (seconds; 0: none), or on a signal, the
// command's process group is sent SIGTERM, and 15 s later SIGKILL. When this process dies the command is sent
// SIGTERM. Error(failed) when it cannot be started. SignalsHeld must live.
ProcessEnd run_process(const std::vector<std::string>& words, const std::string& log, double limit_seconds);

// The last line of a log that is not empty and is not mpirun's own, for a message; "" when there is none.
std::string last_words(const std::string& log);

}  // namespace lockstep
