#include "launch/step_gate.hpp"

#include <utility>

namespace lockstep {

void StepGate::open(std::int64_t steps_done, bool at_signals) {
  claimed_ = steps_done;
  open_ = true;
  at_signals_ = at_signals;
}

// The step is claimed first and the gate looked at second, hold() does it the other way round: so either this
// thread sees that it is held, or hold() sees the claim.
std::optional<Meeting> StepGate::before_step(std::int64_t steps_done) {
  claimed_ = steps_done + 1;
  if (!held_) return {};
  std::unique_lock lock(mutex_);
  decided_now_.wait(lock, [this] { return decision_.has_value(); });
  if (decision_->after_step > steps_done) return {};
  return decision_->meeting;
}

void StepGate::release() {
  {
    const std::lock_guard lock(mutex_);
    decision_.reset();
    held_ = false;
  }
  if (wake_) wake_();
}

void StepGate::ask() {
  asked_ = true;
  if (wake_) wake_();
}

std::int64_t StepGate::hold() {
  held_ = true;
  return claimed_;
}

void StepGate::decide(std::int64_t after_step, Meeting meeting) {
  {
    const std::lock_guard lock(mutex_);
    decision_ = {after_step, std::move(meeting)};
  }
  decided_now_.notify_all();
}

}  // namespace lockstep
