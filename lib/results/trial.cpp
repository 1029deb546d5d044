#include "results/trial.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <cerrno>
#include <csignal>
#include <utility>

#include "base/error.hpp"

namespace lockstep {

namespace {

// Dies quietly: no handlers of the parent's, no message of the C library's, no core file.
void be_quiet() {
  for (const int signal : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGXCPU, SIGPIPE})
    std::signal(signal, SIG_DFL);
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  const int nowhere = open("/dev/null", O_WRONLY);
  dup2(nowhere, STDOUT_FILENO);
  dup2(nowhere, STDERR_FILENO);
}

// From now on; what the process has used before counts in the kernel's limit.
void allow_cpu_seconds(unsigned seconds) {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  rlimit limit{};
  getrlimit(RLIMIT_CPU, &limit);
  limit.rlim_cur = static_cast<rlim_t>(used.ru_utime.tv_sec + used.ru_stime.tv_sec + 1) + seconds;
  setrlimit(RLIMIT_CPU, &limit);
}

// A library that wrote past its memory may have returned as if nothing had happened. To give free memory
// back, the C library looks through its heap, and aborts where it is not whole.
void die_if_heap_is_damaged() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

}  // namespace

Trials::Trials(std::size_t items, Body body, CpuSeconds cpu_seconds)
    : items_(items), body_(std::move(body)), cpu_seconds_(std::move(cpu_seconds)) {}

Trials::~Trials() { stop(); }

void Trials::run_and_leave(std::size_t first, int answers) {
  be_quiet();
  for (std::size_t item = first; item < items_; ++item) {
    allow_cpu_seconds(cpu_seconds_(item));
    try {
      body_(item);
    } catch (...) {  // said again, and then heard, in the parent
    }
    die_if_heap_is_damaged();
    if (write(answers, "", 1) != 1) break;
  }
  _exit(0);
}

void Trials::start(std::size_t first) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    throw run_error("cannot make a pipe to a process to try files in: {}", errno_text(errno));
  child_ = fork();
  const int error = errno;
  if (child_ == 0) {
    close(ends[0]);
    run_and_leave(first, ends[1]);
  }
  close(ends[1]);
  answers_ = ends[0];
  if (child_ < 0) throw run_error("cannot start a process to try a file in: {}", errno_text(error));
}

void Trials::stop() {
  if (answers_ >= 0) close(std::exchange(answers_, -1));
  if (child_ <= 0) return;
  kill(child_, SIGKILL);
  while (waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
  }
  child_ = -1;
}

bool Trials::survived(std::size_t item) {
  while (known_ <= item) {
    if (child_ < 0) start(known_);
    char answer = 0;
    const ssize_t got = read(answers_, &answer, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw run_error("cannot hear from a process of our own: {}", errno_text(errno));
    ++known_;
    if (got == 1) continue;
    stop();  // it died of this one
    if (known_ > item) return false;
  }
  return true;
}

}  // namespace lockstep
