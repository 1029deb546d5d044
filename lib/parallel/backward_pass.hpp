// BackwardPass: finds out, from within the hooks of gradients, where one of autograd's backward passes begins
// and ends, also when it contains others (reentrant checkpointing) and when it is ended by an exception.
#pragma once

#include <functional>
#include <memory>

namespace lockstep {

class BackwardPass {
 public:
  struct Events {
    std::function<void()> ended;  // on the thread that ends the pass; may throw, which backward() passes on
    std::function<void()> abandoned;  // an exception has ended it; must not throw
  };
  explicit BackwardPass(Events events);
  ~BackwardPass();
  BackwardPass(const BackwardPass&) = delete;
  BackwardPass& operator=(const BackwardPass&) = delete;

  struct Place {
    bool first;   // the pass begins with this gradient
    bool nested;  // in a backward pass within the one that was seen first
  };
  // From the hook of each gradient.
  Place enter();

  // Outside of backward passes: returns when the end of a pass that threw has been dealt with, which on a GPU
  // may be another thread's work.
  void settle();

  class State;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace lockstep
