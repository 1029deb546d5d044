// The order in which the stages of a split model work through a batch's micro-batches
// (plan/schedule.hpp).
#pragma once

#include <array>

#include "base/names.hpp"

namespace lockstep {

enum class PipelineSchedule {
  layerwise,    // one micro-batch at a time through all stages, forward and backward
  gpipe,        // all forward passes, then all backward passes (Huang et al. 2019)
  one_f_one_b,  // one forward, one backward in turn (Narayanan et al. 2019; flushed: Narayanan et al. 2021)
  interleaved,  // as one_f_one_b with several chunks of the model a stage (Narayanan et al. 2021)
};

template <>
inline constexpr auto kNames<PipelineSchedule> = std::to_array<Named<PipelineSchedule>>({
    {"layerwise", PipelineSchedule::layerwise},
    {"gpipe", PipelineSchedule::gpipe},
    {"1f1b", PipelineSchedule::one_f_one_b},
    {"interleaved", PipelineSchedule::interleaved},
});

}  // namespace lockstep
