// The bubble of pipelined model parallelism. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/pipeline_schedule.hpp"

namespace lockstep {

// Share of the time for which an ideal pipeline of equal stages is idle: (p-1)/(m+p-1) for gpipe (Huang et
// al. 2019) and 1f1b (Narayanan et al. 2019), (p-1)/(v m + p-1) for interleaved with v chunks per rank
// (Narayanan et al. 2021), 1 - 1/p for layerwise. Nothing for a count below 1.
std::optional<double> ideal_bubble(PipelineSchedule schedule, std::int64_t stages, std::int64_t micro_batches,
                                   std::int64_t chunks = 1);

// 1 - sum of busy / (p T): busy seconds of each rank in T seconds.
double measured_bubble(std::span<const double> busy, double seconds);

// What no schedule can be faster than with m micro-batches through stages of unequal times t_s, forward and
// backward together: (m-1) max t_s + sum t_s.
double pipeline_bound(std::span<const double> stage_seconds, std::int64_t micro_batches);

}  // namespace lockstep
