// StepGate: where a rank stops between two steps, so that all ranks stop after the same one. Until a stop is
// requested it costs one store and one load per step and no communication. The watchdogs request and decide
// (step_agreement.hpp), outside the steps.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

namespace lockstep {

// Why the ranks meet after a step.
struct Meeting {
  bool stop = false;   // the run ends there
  std::string reason;  // of a stop: "interrupted by SIGTERM"
};

class StepGate {
 public:
  // --- for the thread that trains. steps: counted from the start of the training, the same on all ranks.

  // From here on there can be meetings; with at_signals, a signal that ends the run takes effect at a meeting
  // instead of at once. Collective.
  void open(std::int64_t steps_done, bool at_signals);
  // Before each step, on every rank: the meeting, if there is one at this step.
  std::optional<Meeting> before_step(std::int64_t steps_done);
  // Called by each rank after it has reached a meeting, by rank 0 after all have.
  void release();
  // Rank 0: requests a meeting that does not stop the run. Once per meeting.
  void ask();

  // --- for the watchdog's thread

  bool is_open() const { return open_; }
  bool answers_signals() const { return at_signals_; }
  bool held() const { return held_; }
  bool take_asked() { return asked_.exchange(false); }
  // The rank does not pass until decide(). Returns the step that this rank is in or is about to begin.
  std::int64_t hold();
  void decide(std::int64_t after_step, Meeting meeting);
  // Called, on the training thread, when the watchdog has something to look at.
  void on_change(std::function<void()> wake) { wake_ = std::move(wake); }

 private:
  struct Decision {
    std::int64_t after_step;
    Meeting meeting;
  };
  std::atomic<bool> open_{false}, at_signals_{false}, held_{false}, asked_{false};
  std::atomic<std::int64_t> claimed_{0};
  std::mutex mutex_;
  std::condition_variable decided_now_;
  std::optional<Decision> decision_;  // under mutex_
  std::function<void()> wake_;
};

}  // namespace lockstep
