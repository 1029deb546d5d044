// How a run uses its ranks.
#pragma once

#include <array>

#include "base/names.hpp"

namespace lockstep {

enum class Mode {
  sequential,        // one rank: the baseline
  data_parallel,     // the whole model on every rank, gradients all-reduced
  parameter_server,  // data parallel as nn.DataParallel is: rank 0 alone updates
  layerwise,         // the model split over the ranks, one micro-batch at a time
  pipeline,          // the model split over the ranks, several micro-batches under way
  hybrid,            // replicas of a split model
};

// Whether no rank has the whole model.
constexpr bool splits_model(Mode mode) {
  return mode == Mode::layerwise || mode == Mode::pipeline || mode == Mode::hybrid;
}

template <>
inline constexpr auto kNames<Mode> = std::to_array<Named<Mode>>({
    {"seq", Mode::sequential},
    {"ddp", Mode::data_parallel},
    {"ps", Mode::parameter_server},
    {"mp", Mode::layerwise},
    {"pipe", Mode::pipeline},
    {"hybrid", Mode::hybrid},
});

}  // namespace lockstep
