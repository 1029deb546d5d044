#include "results/trial.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "base/error.hpp"

namespace lockstep {

namespace {

// Dies quietly: no handlers of the parent's, no message of the C library's, no core file.
void be_quiet() {
  for (const int signal : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGXCPU}) std::signal(signal, SIG_DFL);
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  const int nowhere = open("/dev/null", O_WRONLY);
  dup2(nowhere, STDOUT_FILENO);
  dup2(nowhere, STDERR_FILENO);
}

[[noreturn]] void run_and_leave(const std::function<void()>& body, unsigned cpu_seconds) {
  be_quiet();
  const rlimit time{cpu_seconds, cpu_seconds + 1};
  setrlimit(RLIMIT_CPU, &time);
  try {
    body();
  } catch (...) {  // said again, and then heard, in the parent
  }
  _exit(0);
}

}  // namespace

bool survives(const std::function<void()>& body, unsigned cpu_seconds) {
  const pid_t child = fork();
  if (child < 0) throw run_error("cannot start a process to try a file in: {}", errno_text(errno));
  if (child == 0) run_and_leave(body, cpu_seconds);
  int status = 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) throw run_error("cannot wait for a process of our own: {}", errno_text(errno));
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace lockstep
