// Slowdown: a fault made on purpose. Forward and backward passes of this rank take `factor` times as long, by
// sleeping in proportion to what they took: before each message that they launch or wait for, and at their
// end, so that what a really slow rank would send late is late. One thread at a time.
#pragma once

#include "timing/clock.hpp"
#include "timing/phase.hpp"

namespace lockstep {

class Slowdown {
 public:
  explicit Slowdown(double factor) : factor_(factor) {}  // >= 1

  // By the recorder, before it marks the phase: sleeps for what the phase before it still owes.
  void enter(Phase phase);
  // Sleeps for what has been computed since it last did; nothing outside the two phases.
  void catch_up();
  // The time until now was no computing: it is not stretched.
  void skip() { since_ = steady_now(); }

 private:
  double factor_;
  bool computing_ = false;
  SteadyTime since_{};
};

}  // namespace lockstep
