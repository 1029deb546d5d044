#include "analysis/model/progress.hpp"

#include <algorithm>
#include <cstdlib>

namespace lockstep {

namespace {

std::int64_t whole_setting(const Launch& launch, const std::string& key) {
  return std::max(0LL, std::strtoll(launch.setting(key).c_str(), nullptr, 10));
}

}  // namespace

RunProgress progress_of(const Launch& launch, double elapsed, double since) {
  RunProgress progress;
  progress.in_steps = whole_setting(launch, "training.steps") > 0;
  progress.total = whole_setting(launch, progress.in_steps ? "training.steps" : "training.epochs");
  progress.done = progress.in_steps ? std::ssize(launch.steps) : launch.epochs;
  if (!launch.steps.empty()) {
    const Quantities mean = mean_of(launch.steps);
    progress.comm_share = mean[Quantity::wall] > 0 ? mean[Quantity::comm] / mean[Quantity::wall] : 0;
  }
  if (progress.done <= 0 || progress.total <= 0) return progress;
  const auto done = static_cast<double>(progress.done), all = static_cast<double>(progress.total);
  progress.left = std::max(0.0, elapsed / done * (all - done) - since);
  return progress;
}

}  // namespace lockstep
