#include "results/trial.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <exception>
#include <fstream>
#include <new>
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

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LOCKSTEP_SHADOW_MEMORY
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(LOCKSTEP_SHADOW_MEMORY)
constexpr bool kAddressesAreCounted = false;
#else
constexpr bool kAddressesAreCounted = true;
#endif

// From now on; what the process has counts in the kernel's limit.
void allow_memory(std::uint64_t bytes) {
  std::uint64_t pages = 0;
  if (!kAddressesAreCounted || !(std::ifstream("/proc/self/statm") >> pages)) return;
  rlimit limit{};
  getrlimit(RLIMIT_AS, &limit);
  const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  limit.rlim_cur = std::min<rlim_t>(pages * page + bytes, limit.rlim_max);
  setrlimit(RLIMIT_AS, &limit);
}

std::string complaint_of(const std::function<void()>& body) {
  try {
    body();
    return "";
  } catch (const std::bad_alloc&) {
    return kOutOfMemory;
  } catch (const std::exception& error) {
    return error.what();
  }
}

// All of it, or false.
bool write_all(int descriptor, const void* from, std::size_t bytes) {
  for (const char* at = static_cast<const char*>(from); bytes > 0;) {
    const ssize_t count = write(descriptor, at, bytes);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    at += count;
    bytes -= static_cast<std::size_t>(count);
  }
  return true;
}

// All of it, or false at the end of the pipe.
bool read_all(int descriptor, void* into, std::size_t bytes) {
  for (char* at = static_cast<char*>(into); bytes > 0;) {
    const ssize_t count = read(descriptor, at, bytes);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw run_error("cannot read from a child process: {}", errno_text(errno));
    if (count == 0) return false;
    at += count;
    bytes -= static_cast<std::size_t>(count);
  }
  return true;
}

// A library that wrote past its memory may have returned as if nothing had happened. To give free memory
// back, the C library looks through its heap, and aborts where it is not whole.
void die_if_heap_is_damaged() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

}  // namespace

Trials::Trials(std::size_t items, Body body, std::function<Limits(std::size_t)> limits)
    : items_(items), body_(std::move(body)), limits_(std::move(limits)) {}

Trials::~Trials() { stop(); }

void Trials::run_and_leave(std::size_t first, int answers) {
  be_quiet();
  for (std::size_t item = first; item < items_; ++item) {
    const Limits limits = limits_(item);
    allow_cpu_seconds(limits.cpu_seconds);
    allow_memory(limits.memory_bytes);
    const std::string complaint = complaint_of([&] { body_(item); });
    die_if_heap_is_damaged();
    const std::size_t length = complaint.size();
    if (!write_all(answers, &length, sizeof length) || !write_all(answers, complaint.data(), length)) break;
  }
  _exit(0);
}

void Trials::start(std::size_t first) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    throw run_error("cannot create a pipe to the process that tries files: {}", errno_text(errno));
  child_ = fork();
  const int error = errno;
  if (child_ == 0) {
    close(ends[0]);
    run_and_leave(first, ends[1]);
  }
  close(ends[1]);
  answers_ = ends[0];
  if (child_ < 0) throw run_error("cannot start a process that tries files: {}", errno_text(error));
}

void Trials::stop() {
  if (answers_ >= 0) close(std::exchange(answers_, -1));
  if (child_ <= 0) return;
  kill(child_, SIGKILL);
  while (waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
  }
  child_ = -1;
}

bool Trials::hear() {
  std::size_t length = 0;
  if (!read_all(answers_, &length, sizeof length)) return false;
  complaint_.resize(length);
  return read_all(answers_, complaint_.data(), length);
}

bool Trials::survived(std::size_t item) {
  while (known_ <= item) {
    if (child_ < 0) start(known_);
    const bool heard = hear();
    ++known_;
    if (heard) continue;
    stop();  // it died of this one
    if (known_ > item) return false;
  }
  return true;
}

}  // namespace lockstep
