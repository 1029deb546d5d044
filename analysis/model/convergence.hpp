// How long groups take to learn: time and samples to targets of the validation metric.
#pragma once

#include <optional>
#include <vector>

#include "analysis/model/compare.hpp"
#include "analysis/model/summary.hpp"

namespace lockstep {

// One group and one target. Medians over launches; a launch that never reaches the target counts as later
// than all others, so there is none where half of them or more never do.
struct TargetTime {
  const GroupSummary* group = nullptr;
  double target = 0;
  std::int64_t reached = 0;                  // launches that do
  std::optional<Estimate> seconds, samples;  // of training, evaluation left out
  const GroupSummary* baseline = nullptr;    // null: none, or the comparison is refused
  std::optional<Estimate> speedup,
      statistical_efficiency;  // against it; nothing where one of the two never does
};

struct Convergence {
  std::vector<double> targets;
  bool given = false;             // by training.target; otherwise 95 % of the best
  std::vector<TargetTime> times;  // groups in order, ablations left out; for each the targets in order
};

// Targets are those of training.target of all launches; without any, the one that is 95 % of the way from
// chance to the best metric of any launch.
Convergence convergence_of(const WorkloadSummary& workload, Baseline baseline);

// "[0.85, 0.9]", "0.85" or "": the numbers in it.
std::vector<double> numbers_in(const std::string& text);

}  // namespace lockstep
