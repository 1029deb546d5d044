#include "train/learning_rate_schedule.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace lockstep {

double learning_rate(const RunConfig::Training& training, std::int64_t step, std::int64_t total_steps) {
  const double lr = training.optimizer.lr;
  const std::int64_t warmup = training.schedule.warmup_steps;
  if (step < warmup) return lr * static_cast<double>(step + 1) / static_cast<double>(warmup + 1);
  const auto decaying = static_cast<double>(std::max<std::int64_t>(total_steps - warmup, 1));
  const double done = std::min(static_cast<double>(step - warmup) / decaying, 1.0);
  switch (training.schedule.name) {
    case ScheduleKind::constant:
      return lr;
    case ScheduleKind::linear:
      return lr * (1 - done);
    case ScheduleKind::cosine:
      return lr * 0.5 * (1 + std::cos(std::numbers::pi * done));
  }
  return lr;
}

}  // namespace lockstep
