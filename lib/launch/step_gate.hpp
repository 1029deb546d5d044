// StepGate: where a rank stops between two steps, so that all ranks stop after the same one. Until somebody
// asks for that it costs a store and a load a step, and no word is said between the ranks. Who asks and who
// decides is the watchdogs' (step_agreement.hpp), who talk beside the steps.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

namespace lockstep {

// What the ranks come together for after a step.
struct Meeting {
  bool stop = false;   // the run ends there
  std::string reason;  // of a stop: "interrupted by SIGTERM"
};

class StepGate {
 public:
  // --- for the thread that trains. steps: counted from the start of the training, the same on all ranks.

  // From here on there can be meetings; with at_signals a signal that ends a run ends it at one, and not at
  // once. Collective.
  void open(std::int64_t steps_done, bool at_signals);
  void close() { open_ = at_signals_ = false; }
  // Before each step, on every rank: a meeting where this is the place for one.
  std::optional<Meeting> before_step(std::int64_t steps_done);
  // Each rank once it has come to a meeting; rank 0 when all have.
  void release();
  // Rank 0: a meeting is wanted that does not stop the run. Once a meeting.
  void ask();

  // --- for the watchdog's thread

  bool is_open() const { return open_; }
  bool answers_signals() const { return at_signals_; }
  bool held() const { return held_; }
  bool take_asked() { return asked_.exchange(false); }
  // Nobody passes from here on until decide(). Returns the step that this rank is in or is about to begin.
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
