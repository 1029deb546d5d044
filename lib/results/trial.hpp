// Tries in a child process what might crash this one. HDF5 crashes on some damaged files (1.10.8: a heap
// object whose size was changed is copied beyond its end) and loops for ever on others; a reader must not.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <functional>

namespace lockstep {

// Calls body(0), body(1), ... in a forked child, which runs ahead of this process. What they change in memory
// is lost, what they print is not seen. A child that dies is replaced by one that goes on after the item it
// died of, so one child serves any number of items that do no harm. Error(failed) when no child can be
// started.
class Trials {
 public:
  using Body = std::function<void(std::size_t item)>;
  using CpuSeconds = std::function<unsigned(std::size_t item)>;  // processor time that an item may take

  Trials(std::size_t items, Body body, CpuSeconds cpu_seconds);
  ~Trials();  // ends the child
  Trials(const Trials&) = delete;
  Trials& operator=(const Trials&) = delete;

  // Whether the body returned, or threw, for this item; waits until it is known. To be asked in ascending
  // order.
  bool survived(std::size_t item);

 private:
  void start(std::size_t first);
  [[noreturn]] void run_and_leave(std::size_t first, int answers);
  void stop();

  std::size_t items_, known_ = 0;  // items below known_ were answered for
  Body body_;
  CpuSeconds cpu_seconds_;
  pid_t child_ = -1;
  int answers_ = -1;  // reading end of a pipe: a byte for each item survived
};

}  // namespace lockstep
