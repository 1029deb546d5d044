// For LD_PRELOAD: a machine that behaves oddly.
//   ODD_CLOCK=-86400     the wall clock is put back by a day
//   ODD_DISK=0.3         every write to a file, and every wait for the disk, takes so much longer
//   ODD_WHEN="runs/*/*.partial"   not before there is such a file; from the start otherwise
#include <dlfcn.h>
#include <glob.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>

namespace {

template <typename Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

double steady_seconds() {
  static auto* const get = real<int(clockid_t, timespec*)>("clock_gettime");
  timespec now{};
  get(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

bool there_is(const char* pattern) {
  glob_t found{};
  const bool any = glob(pattern, GLOB_NOSORT, nullptr, &found) == 0;
  globfree(&found);
  return any;
}

// Whether the time for oddities has come; looks for the file a hundred times a second.
bool has_begun() {
  static std::atomic<bool> begun{false};
  static std::atomic<double> looked{0};
  const char* const pattern = std::getenv("ODD_WHEN");
  if (pattern == nullptr || begun) return true;
  const double now = steady_seconds();
  if (now - looked < 0.01) return false;
  looked = now;
  begun = there_is(pattern);
  return begun;
}

// 0: not yet, or not asked for.
double oddity(const char* variable) {
  const char* const text = std::getenv(variable);
  return text != nullptr && has_begun() ? std::atof(text) : 0;
}

void wait_for_disk(int file) {
  const double seconds = oddity("ODD_DISK");
  struct stat kind {};
  if (seconds <= 0 || fstat(file, &kind) != 0 || !S_ISREG(kind.st_mode)) return;
  const timespec pause{
      static_cast<time_t>(seconds),
      static_cast<long>(1e9 * (seconds - static_cast<double>(static_cast<time_t>(seconds))))};
  nanosleep(&pause, nullptr);
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* now) noexcept {
  static auto* const get = real<int(clockid_t, timespec*)>("clock_gettime");
  const int status = get(clock, now);
  if (clock == CLOCK_REALTIME) now->tv_sec += static_cast<time_t>(oddity("ODD_CLOCK"));
  return status;
}

int gettimeofday(timeval* now, void* zone) noexcept {
  static auto* const get = real<int(timeval*, void*)>("gettimeofday");
  const int status = get(now, zone);
  now->tv_sec += static_cast<time_t>(oddity("ODD_CLOCK"));
  return status;
}

time_t time(time_t* into) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (into != nullptr) *into = now.tv_sec;
  return now.tv_sec;
}

ssize_t write(int file, const void* bytes, size_t count) {
  static auto* const put = real<ssize_t(int, const void*, size_t)>("write");
  wait_for_disk(file);
  return put(file, bytes, count);
}

ssize_t pwrite(int file, const void* bytes, size_t count, off_t at) {
  static auto* const put = real<ssize_t(int, const void*, size_t, off_t)>("pwrite");
  wait_for_disk(file);
  return put(file, bytes, count, at);
}

ssize_t pwrite64(int file, const void* bytes, size_t count, off64_t at) {
  static auto* const put = real<ssize_t(int, const void*, size_t, off64_t)>("pwrite64");
  wait_for_disk(file);
  return put(file, bytes, count, at);
}

int fsync(int file) {
  static auto* const sync_file = real<int(int)>("fsync");
  wait_for_disk(file);
  return sync_file(file);
}
}
