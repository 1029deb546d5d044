#include "record/compute_counters.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/perf_event.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <utility>

#include "launch/openmp_threads.hpp"

namespace lockstep {

namespace {

constexpr double kNanosecond = 1e-9;

int open_event(std::uint64_t event, int leader) {
  perf_event_attr attributes{};
  attributes.size = sizeof attributes;
  attributes.type = PERF_TYPE_HARDWARE;
  attributes.config = event;
  attributes.exclude_kernel = attributes.exclude_hv =
      1;  // what a user may count where perf_event_paranoid is 2
  attributes.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
  constexpr int kThisThread = 0, kAnyCpu = -1;
  return static_cast<int>(
      syscall(SYS_perf_event_open, &attributes, kThisThread, kAnyCpu, leader, PERF_FLAG_FD_CLOEXEC));
}

std::optional<HardwareReading> reading_of(int counter) {
  HardwareReading reading;
  return read(counter, &reading, sizeof reading) == sizeof reading ? std::optional(reading) : std::nullopt;
}

// Runnable, without a core to run on; NaN: the kernel does not say.
double waiting_of_this_thread() {
  double ran = 0, waited = 0;
  std::ifstream file("/proc/thread-self/schedstat");
  return file >> ran >> waited ? kNanosecond * waited : kUnknown;
}

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
}

std::string permission() {
  int level = 0;
  return std::ifstream("/proc/sys/kernel/perf_event_paranoid") >> level
             ? fmt::format("; kernel.perf_event_paranoid is {}, and must be 2 or less", level)
             : "";
}

}  // namespace

double counted_between(const HardwareReading& begin, const HardwareReading& end) {
  const auto difference = [](std::uint64_t a, std::uint64_t b) { return static_cast<double>(b - a); };
  const double running = difference(begin.running, end.running);
  if (!(running > 0)) return kUnknown;
  return difference(begin.value, end.value) * difference(begin.enabled, end.enabled) / running;
}

std::unique_ptr<HardwareCounters> HardwareCounters::open(int& error) {
  const int cycles = open_event(PERF_COUNT_HW_CPU_CYCLES, -1);
  error = errno;
  if (cycles < 0) return nullptr;
  const int instructions = open_event(PERF_COUNT_HW_INSTRUCTIONS, cycles);  // both count, or neither
  error = errno;
  if (instructions < 0) return close(cycles), nullptr;
  return std::unique_ptr<HardwareCounters>(new HardwareCounters(cycles, instructions));
}

HardwareCounters::~HardwareCounters() {
  close(instructions_);
  close(cycles_);
}

std::optional<HardwareReading> HardwareCounters::cycles() const { return reading_of(cycles_); }
std::optional<HardwareReading> HardwareCounters::instructions() const { return reading_of(instructions_); }

std::string why_no_hardware_counters(int error) {
  if (error == EACCES || error == EPERM)
    return fmt::format("the system does not permit them (perf_event_open: {}{})", std::strerror(error),
                       permission());
  if (error == ENOENT || error == ENODEV || error == EOPNOTSUPP)
    return fmt::format("the processor offers none, as in many virtual machines (perf_event_open: {})",
                       std::strerror(error));
  return fmt::format("perf_event_open: {}", std::strerror(error));
}

ComputeCounters::ComputeCounters(int threads) : threads_(threads) {
  open_hardware();
  if (std::isnan(waiting_of_this_thread()))
    miss("waiting for a core is not recorded: the kernel does not tell (/proc/thread-self/schedstat)");
}

void ComputeCounters::miss(const std::string& sentence) {
  absent_ += (absent_.empty() ? "" : "\n") + sentence;
}

void ComputeCounters::open_hardware() {
  hardware_.resize(static_cast<std::size_t>(threads_));
  std::vector<int> errors(hardware_.size());
  const bool asked = in_compute_threads(threads_, [&](int thread) {
    const auto i = static_cast<std::size_t>(thread);
    if (i < hardware_.size()) hardware_[i] = HardwareCounters::open(errors[i]);
  });
  if (!asked) return miss("nothing is counted: LibTorch does not compute with threads of OpenMP");
  const auto none = std::find(hardware_.begin(), hardware_.end(), nullptr);
  if (none == hardware_.end()) return;
  const int error = errors[static_cast<std::size_t>(none - hardware_.begin())];
  hardware_.clear();
  miss("cycles and instructions are not recorded: " + why_no_hardware_counters(error));
}

ComputeCounters::Thread ComputeCounters::read_this_thread(const HardwareCounters* hardware) const {
  Thread thread;
  rusage usage{};
  if (getrusage(RUSAGE_THREAD, &usage) != 0) return thread;
  thread.id = static_cast<pid_t>(syscall(SYS_gettid));
  thread.user = seconds_of(usage.ru_utime);
  thread.system = seconds_of(usage.ru_stime);
  thread.waiting = waiting_of_this_thread();
  thread.preemptions = static_cast<double>(usage.ru_nivcsw);
  thread.page_faults = static_cast<double>(usage.ru_minflt + usage.ru_majflt);
  if (hardware == nullptr) return thread;
  thread.cycles = hardware->cycles().value_or(HardwareReading{});
  thread.instructions = hardware->instructions().value_or(HardwareReading{});
  return thread;
}

std::vector<ComputeCounters::Thread> ComputeCounters::read_threads() const {
  std::vector<Thread> threads(static_cast<std::size_t>(threads_));
  in_compute_threads(threads_, [&](int thread) {
    const auto i = static_cast<std::size_t>(thread);
    if (i < threads.size()) threads[i] = read_this_thread(hardware_.empty() ? nullptr : hardware_[i].get());
  });
  return threads;
}

void ComputeCounters::begin_part() { begin_ = read_threads(); }

void ComputeCounters::end_part(std::int64_t steps) {
  const std::vector<Thread> end = read_threads();
  if (counts_.steps == 0) {
    counts_.cycles = counts_.instructions = hardware_.empty() ? kUnknown : 0;
    counts_.user_seconds = counts_.system_seconds = counts_.waiting_seconds = 0;
    counts_.preemptions = counts_.page_faults = 0;
  }
  counts_.steps += static_cast<double>(steps);
  counts_.threads = threads_;
  for (std::size_t i = 0; i < end.size(); ++i) add(begin_[i], end[i]);
}

// NaN where the thread is another one than before, or could not be asked.
void ComputeCounters::add(const Thread& begin, const Thread& end) {
  const double same = end.id != 0 && begin.id == end.id ? 1 : kUnknown;
  counts_.user_seconds += same * (end.user - begin.user);
  counts_.system_seconds += same * (end.system - begin.system);
  counts_.waiting_seconds += same * (end.waiting - begin.waiting);
  counts_.preemptions += same * (end.preemptions - begin.preemptions);
  counts_.page_faults += same * (end.page_faults - begin.page_faults);
  counts_.cycles += same * counted_between(begin.cycles, end.cycles);
  counts_.instructions += same * counted_between(begin.instructions, end.instructions);
}

ComputeCounts ComputeCounters::take_epoch() { return std::exchange(counts_, {}); }

}  // namespace lockstep
