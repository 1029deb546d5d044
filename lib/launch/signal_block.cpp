#include "launch/signal_block.hpp"

namespace lockstep {

namespace {

// nohup and batch systems have some ignored, and a program may have a use of its own for others.
sigset_t signals_to_handle() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  for (const int signal : {SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU}) {
    struct sigaction now {};
    if (sigaction(signal, nullptr, &now) == 0 && now.sa_handler == SIG_DFL) sigaddset(&set, signal);
  }
  return set;
}

}  // namespace

const sigset_t& ending_signals() {
  static const sigset_t set = signals_to_handle();
  return set;
}

SignalBlock::SignalBlock() { pthread_sigmask(SIG_BLOCK, &ending_signals(), &before_); }
SignalBlock::~SignalBlock() {
  sigset_t ours = ending_signals();
  for (int signal = 1; signal < NSIG; ++signal)
    if (sigismember(&before_, signal) == 1) sigdelset(&ours, signal);
  const timespec at_once{};
  while (sigtimedwait(&ours, nullptr, &at_once) > 0) {
  }
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

}  // namespace lockstep
