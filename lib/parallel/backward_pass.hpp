// BackwardPass: detects, from within gradient hooks, where a backward pass of autograd begins and ends, even
// if it contains others (reentrant checkpointing) or ends with an exception.
#pragma once

#include <functional>
#include <memory>

namespace lockstep {

class BackwardPass {
 public:
  struct Events {
    std::function<void()> ended;      // on the thread that ends the pass; may throw, and backward() rethrows
    std::function<void()> abandoned;  // an exception has ended it; must not throw
  };
  explicit BackwardPass(Events events);
  ~BackwardPass();
  BackwardPass(const BackwardPass&) = delete;
  BackwardPass& operator=(const BackwardPass&) = delete;

  struct Place {
    bool first;   // the pass begins with this gradient
    bool nested;  // in a backward pass nested in the first one
  };
  // From the hook of each gradient.
  Place enter();

  // Outside of backward passes: waits until the end of a pass that threw has been handled, which on a GPU may
  // happen on another thread.
  void settle();

  class State;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace lockstep
