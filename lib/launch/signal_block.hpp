// The signals that end a run: which they are, and that no thread but the watchdog's gets them.
#pragma once

#include <signal.h>

namespace lockstep {

// SIGINT and SIGTERM, and of SIGHUP, SIGUSR1, SIGUSR2 and SIGXCPU those that nobody ignored or handled when
// this was first called.
const sigset_t& ending_signals();

// Blocks them in the calling thread, and so in those it starts, until destroyed. One that has come by then and that
// nobody has taken is forgotten: it would kill a process that has done its work.
class SignalBlock {
 public:
  SignalBlock();
  ~SignalBlock();
  SignalBlock(const SignalBlock&) = delete;
  SignalBlock& operator=(const SignalBlock&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace lockstep
