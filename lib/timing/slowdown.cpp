#include "timing/slowdown.hpp"

#include <thread>

namespace lockstep {

void Slowdown::enter(Phase phase) {
  catch_up();
  computing_ = phase == Phase::forward || phase == Phase::backward;
  skip();
}

void Slowdown::catch_up() {
  if (!computing_) return;
  const std::chrono::duration<double> owed(seconds_between(since_, steady_now()) * (factor_ - 1));
  std::this_thread::sleep_for(owed);
  skip();
}

}  // namespace lockstep
