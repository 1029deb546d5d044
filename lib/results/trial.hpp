// Tries in a child process what might crash this one. HDF5 crashes on some damaged files (1.10.8: a heap
// object whose size was changed is copied beyond its end) and loops for ever on others; a reader must not.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace lockstep {

inline constexpr const char* kOutOfMemory = "out of memory";

// Calls body(0), body(1), ... in a forked child, which runs ahead of this process. What they change in memory
// is lost, what they print is not seen. A child that dies is replaced by one that goes on after the item it
// died of, so one child serves any number of items that do no harm. Error(failed) when no child can be
// started.
class Trials {
 public:
  using Body = std::function<void(std::size_t item)>;
  // What an item may take: processor time, and memory beyond what the process has. Sanitizers need more
  // addresses than can be limited: under these memory is not.
  struct Limits {
    unsigned cpu_seconds;
    std::uint64_t memory_bytes;
  };

  Trials(std::size_t items, Body body, std::function<Limits(std::size_t item)> limits);
  ~Trials();  // ends the child
  Trials(const Trials&) = delete;
  Trials& operator=(const Trials&) = delete;

  // Whether the body returned, or threw, for this item; waits until it is known. To be asked in ascending
  // order.
  bool survived(std::size_t item);
  // What the body threw, of the item last asked for: its what(), kOutOfMemory, or empty when it returned.
  // A body that ran out of memory here must not be tried where there is no limit.
  const std::string& complaint() const { return complaint_; }

 private:
  void start(std::size_t first);
  [[noreturn]] void run_and_leave(std::size_t first, int answers);
  bool hear();  // the next answer; false when the child has died
  void stop();

  std::size_t items_, known_ = 0;  // items below known_ were answered for
  Body body_;
  std::function<Limits(std::size_t)> limits_;
  std::string complaint_;
  pid_t child_ = -1;
  int answers_ = -1;  // reading end of a pipe: for each item survived the length of the complaint, and itself
};

}  // namespace lockstep
