// ComputeCounters: what the processor did for a rank's compute threads while its steps ran: cycles, instructions,
// processor time, waiting for a core. Read before and after a stretch of steps, never within one. Threads that load
// data and communicate are not counted.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "launch/world.hpp"
#include "results/run_data.hpp"

namespace lockstep {

// A hardware counter as perf_event_open gives it. Where several share the processor's registers each runs for a part
// of the time alone.
struct HardwareReading {
  std::uint64_t value = 0, enabled = 0, running = 0;  // nanoseconds that it was to count, and did
};
// What was counted between the two, as if all the time; NaN: it never ran.
double counted_between(const HardwareReading& begin, const HardwareReading& end);

// Cycles and instructions of one thread, in user mode.
class HardwareCounters {
 public:
  // Of the calling thread. errno where the system gives none.
  static std::unique_ptr<HardwareCounters> open(int& error);
  ~HardwareCounters();
  HardwareCounters(const HardwareCounters&) = delete;
  HardwareCounters& operator=(const HardwareCounters&) = delete;
  // From any thread; nothing where they cannot be read.
  std::optional<HardwareReading> cycles() const;
  std::optional<HardwareReading> instructions() const;

 private:
  HardwareCounters(int cycles, int instructions) : cycles_(cycles), instructions_(instructions) {}
  int cycles_, instructions_;
};

// Why there are none, for people: by the errno of perf_event_open.
std::string why_no_hardware_counters(int error);

class ComputeCounters {
 public:
  // Opens the hardware's counters in each of so many compute threads.
  explicit ComputeCounters(int threads);

  // In turn, outside the timed steps.
  void begin_part();
  void end_part(std::int64_t steps);
  // Of all parts since it was last called.
  ComputeCounts take_epoch();

  // A sentence each, with a line break between: what is not counted, and why. Empty: nothing.
  const std::string& absent() const { return absent_; }

 private:
  struct Thread {
    pid_t id = 0;  // 0: it could not be asked
    double user = 0, system = 0, waiting = 0, preemptions = 0, page_faults = 0;
    HardwareReading cycles, instructions;
  };
  void open_hardware();
  void miss(const std::string& sentence);
  Thread read_this_thread(const HardwareCounters* hardware) const;
  std::vector<Thread> read_threads() const;
  void add(const Thread& begin, const Thread& end);

  int threads_;
  std::vector<std::unique_ptr<HardwareCounters>> hardware_;  // of each thread; empty: there are none
  std::vector<Thread> begin_;
  ComputeCounts counts_;
  std::string absent_;
};

}  // namespace lockstep
