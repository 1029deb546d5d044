// Activity: what this process is at, told to the thread that looks whether it still gets on. One writer;
// costs a few stores; a reader sees a recent state whose parts need not belong together.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "timing/phase.hpp"

namespace lockstep {

class Activity {
 public:
  // A part of the run that has to come to an end: "training step" 12. what: a literal. number: none when
  // negative.
  void enter(const char* what, std::int64_t number = -1);
  // Within a step.
  void enter(Phase phase);
  // Nothing now of which an end is expected.
  void leave() { enter(nullptr); }
  // Something has come to an end, or has begun.
  void progress() { progress_.fetch_add(1, std::memory_order_relaxed); }

  // For tests, which stop a process where it is: called after each change, by whoever makes it.
  void watch(std::function<void(const Activity&)> watcher) { watcher_ = std::move(watcher); }

  std::uint64_t count() const { return progress_.load(std::memory_order_relaxed); }
  bool busy() const { return what_.load(std::memory_order_relaxed) != nullptr; }
  std::string text() const;  // "training step 12, forward"; empty when not busy

 private:
  std::atomic<const char*> what_{nullptr}, phase_{nullptr};
  std::atomic<std::int64_t> number_{-1};
  std::atomic<std::uint64_t> progress_{0};
  std::function<void(const Activity&)> watcher_;
};

}  // namespace lockstep
