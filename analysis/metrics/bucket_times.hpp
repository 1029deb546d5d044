// What each gradient bucket costs in a mean step: when it is ready, how long it is transferred and waited
// for, and how much of that no compute covers. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "analysis/metrics/collectives.hpp"
#include "results/run_data.hpp"

namespace lockstep {

// Seconds of a mean step; mean over ranks. ready, start and end count from the begin of the backward pass
// (start of the step + data + h2d + forward).
struct BucketTimes {
  std::int32_t bucket = 0;
  std::int64_t events = 0;
  double bytes = 0, ready = 0, start = 0, end = 0, transfer = 0, wait = 0;
  // Where compute ends before communication does, exposed time is what lies at the end of it: the file does
  // not record the intervals of compute, but how much of the step's communication they leave exposed.
  double exposed = 0;
};

// backward_offset: from the begin of a step to that of its backward pass; NaN: data + h2d + forward.
// In order of bucket number; steps before first_steady_step are left out. transfer and wait come from the
// collectives that every rank recorded, and are 0 without any.
std::vector<BucketTimes> bucket_times(const StepTable& steps, const CommTable& comm,
                                      const Collectives& collectives, std::int64_t first_steady_step,
                                      double backward_offset = kUnknown);

}  // namespace lockstep
