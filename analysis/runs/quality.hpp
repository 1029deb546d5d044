// What two groups learned, compared seed by seed. Speed counts only at equal quality.
#pragma once

#include <cstdint>
#include <optional>

#include "analysis/quantities/estimate.hpp"
#include "analysis/runs/group.hpp"

namespace lockstep {

// The metric after the last epoch, of the test split, else of validation; NaN: not measured, or none.
double learned(const Launch& launch);

struct Quality {
  // Seeds that both sides have, of which means are compared pair by pair; 0: none, and the means of all
  // launches are compared.
  std::int64_t seeds = 0;
  double here = 0, there = 0;  // means
  Estimate difference;         // here - there; no interval with a single pair or launch
};

// Nothing where a side has no metric. Of several launches of one seed, the first counts.
std::optional<Quality> compare_quality(const LaunchGroup& group, const LaunchGroup& baseline);

// By how much the group learned less than the baseline, whichever direction of the metric is the better one,
// as a share of the way from chance to the baseline; below 0 where it learned more. Chance counts as 0 where
// it is not known.
double less_learned(const Quality& quality, const Launch& launch);

// It learned less by more than 1 % of that way, and the interval of the difference leaves out 0. Where there
// is a single pair: by more than 5 % of it.
bool learned_significantly_less(const Quality& quality, const Launch& launch);

}  // namespace lockstep
