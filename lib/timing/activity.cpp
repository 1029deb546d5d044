#include "timing/activity.hpp"

#include <fmt/format.h>

namespace lockstep {

void Activity::enter(const char* what, std::int64_t number) {
  number_.store(number, std::memory_order_relaxed);
  phase_.store(nullptr, std::memory_order_relaxed);
  what_.store(what, std::memory_order_relaxed);
  progress();
  if (watcher_) watcher_(*this);
}

void Activity::enter(Phase phase) {
  phase_.store(name_of(phase), std::memory_order_relaxed);
  progress();
  if (watcher_) watcher_(*this);
}

std::string Activity::text() const {
  const char* const what = what_.load(std::memory_order_relaxed);
  const char* const phase = phase_.load(std::memory_order_relaxed);
  const std::int64_t number = number_.load(std::memory_order_relaxed);
  if (what == nullptr) return {};
  return fmt::format("{}{}{}{}", what, number < 0 ? "" : fmt::format(" {}", number), phase ? ", " : "",
                     phase ? phase : "");
}

}  // namespace lockstep
