// BusErrors: catches SIGBUS, which a thread gets when it touches memory of a file that does not have these bytes
// any more: it was cut short, its disk fails, or it lies in a full file system for shared memory.
#pragma once

#include <signal.h>

#include <string>

namespace lockstep {

class BusErrors {
 public:
  // While it lives, a thread that gets one stands still from then on, and wake, an eventfd, is written to. One
  // at a time in a process.
  explicit BusErrors(int wake);
  ~BusErrors();
  BusErrors(const BusErrors&) = delete;
  BusErrors& operator=(const BusErrors&) = delete;

  // The calling thread is the one that will ask: should it get one itself, the process ends by it.
  void asked_by_this_thread();
  // One line on the first that has come, with its remedy; empty: none has.
  std::string first() const;

 private:
  struct sigaction before_ {};
};

// What it says of an address: the file that is mapped there, from /proc/self/maps.
std::string describe_bus_error(const void* address);

}  // namespace lockstep
