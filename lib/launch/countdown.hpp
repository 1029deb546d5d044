// Countdown: ends this process, with a line on stderr, when a call that nothing can interrupt (MPI_Init,
// MPI_Finalize) lasts longer than the time limit. The watchdog looks after everything between the two.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "launch/launch_environment.hpp"
#include "launch/time_limit.hpp"

namespace lockstep {

class Countdown {
 public:
  // what: "to start (MPI_Init)". The ranks after the first leave it time to speak for all.
  Countdown(const TimeLimit& limit, const Launch& launch, std::string what);
  ~Countdown();  // in time
  Countdown(const Countdown&) = delete;
  Countdown& operator=(const Countdown&) = delete;

 private:
  void run();
  bool over(double seconds);

  TimeLimit limit_;
  Launch launch_;
  std::string what_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool done_ = false;  // under mutex_
  std::thread thread_;
};

// The processes beside this one, started by the same parent, that a signal has stopped or that hang in the
// kernel:
// ", process 4711 (rank 1) is stopped" each.
std::string stopped_siblings();

}  // namespace lockstep
