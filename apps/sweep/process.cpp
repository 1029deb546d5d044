#include "apps/sweep/process.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <fstream>

#include "base/error.hpp"
#include "base/file_descriptor.hpp"
#include "timing/clock.hpp"

namespace lockstep {

namespace {

constexpr double kPatience = 15;  // seconds from SIGTERM to SIGKILL

sigset_t held_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGCHLD}) sigaddset(&set, signal);
  return set;
}

[[noreturn]] void become(const std::vector<std::string>& words, int log, pid_t parent) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(127);  // it died before it could be told
  const sigset_t set = held_signals();
  sigprocmask(SIG_UNBLOCK, &set, nullptr);
  const int nothing = open("/dev/null", O_RDONLY);
  dup2(nothing, STDIN_FILENO);
  dup2(log, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  execvp(arguments[0], arguments.data());
  dprintf(STDERR_FILENO, "%s: %s\n", arguments[0], errno_text(errno).c_str());
  _exit(127);
}

// Waits for a signal of the set, at most so long; 0: none came.
int next_signal(double seconds) {
  const sigset_t set = held_signals();
  const double whole = std::floor(seconds);
  const timespec wait{static_cast<time_t>(whole), static_cast<long>((seconds - whole) * 1e9)};
  const int signal = sigtimedwait(&set, nullptr, &wait);
  return signal > 0 ? signal : 0;
}

int exit_code_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

// The end of the child, or nothing yet.
bool has_ended(pid_t child, int& status) { return waitpid(child, &status, WNOHANG) == child; }

}  // namespace

SignalsHeld::SignalsHeld() {
  const sigset_t set = held_signals();
  sigprocmask(SIG_BLOCK, &set, nullptr);
}

SignalsHeld::~SignalsHeld() {
  const sigset_t set = held_signals();
  sigprocmask(SIG_UNBLOCK, &set, nullptr);
}

ProcessEnd run_process(const std::vector<std::string>& words, const std::string& log, double limit_seconds) {
  const FileDescriptor file(open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
  if (!file.valid()) throw run_error("{}: {}", log, errno_text(errno));
  const pid_t parent = getpid();
  const SteadyTime begin = steady_now();
  const pid_t child = fork();
  if (child < 0) throw run_error("cannot start {}: {}", words.front(), errno_text(errno));
  if (child == 0) become(words, file.get(), parent);
  setpgid(child, child);  // whichever of the two comes first
  ProcessEnd end;
  double told_to_end = -1;  // when, in seconds after the begin
  int status = 0;
  while (!has_ended(child, status)) {
    end.seconds = seconds_between(begin, steady_now());
    const int signal = next_signal(0.2);
    if (signal != 0 && signal != SIGCHLD) end.interrupted = true;
    if (limit_seconds > 0 && end.seconds > limit_seconds) end.timed_out = !end.interrupted;
    if ((end.interrupted || end.timed_out) && told_to_end < 0) {
      told_to_end = end.seconds;
      kill(-child, SIGTERM);
    }
    if (told_to_end >= 0 && end.seconds - told_to_end > kPatience) kill(-child, SIGKILL);
  }
  end.seconds = seconds_between(begin, steady_now());
  end.exit_code = exit_code_of(status);
  return end;
}

std::string last_words(const std::string& log) {
  std::ifstream in(log);
  std::string best, last;
  for (std::string line; std::getline(in, line);) {
    if (line.find_first_not_of(" \t-") == std::string::npos) continue;
    last = line;
    if (line.starts_with("train_")) best = line;  // a trainer's own line says why
  }
  return best.empty() ? last : best;
}

}  // namespace lockstep
