// The cost of each gradient bucket in a mean step: when it is ready, how long its transfer and waiting take,
// and how much of that is exposed. Pure.
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
  // Exposed time is taken to lie at the end of the step's communication, after compute has ended: the file
  // records how much communication is exposed, but not the intervals of compute.
  double exposed = 0;
};

// backward_offset: from the begin of a step to that of its backward pass; NaN: data + h2d + forward.
// In order of bucket number; steps before first_steady_step are left out. transfer and wait come from the
// collectives that every rank recorded, and are 0 without any.
std::vector<BucketTimes> bucket_times(const StepTable& steps, const CommTable& comm,
                                      const Collectives& collectives, std::int64_t first_steady_step,
                                      double backward_offset = kUnknown);

}  // namespace lockstep
