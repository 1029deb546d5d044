// Evaluation: loss and confusion matrix over a split, sharded over the ranks; every sample counts once.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>

#include "comm/world.hpp"
#include "data/dataset.hpp"
#include "models/model.hpp"
#include "train/classification.hpp"
#include "train/strategy.hpp"

namespace lockstep {

struct EvaluationPlan {
  std::int64_t batch = 0;  // samples per rank and forward pass
  int workers = 1;         // loader threads
  torch::Device device = torch::kCPU;
};

// Collective: all ranks; the sum over ranks, the same on each. Leaves the model in training mode.
ClassificationCounts evaluate(Strategy& strategy, Model& model, std::shared_ptr<const Dataset> split,
                              World& world, const EvaluationPlan& plan);

}  // namespace lockstep
