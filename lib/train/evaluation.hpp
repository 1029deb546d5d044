// Evaluation of a split, sharded over the ranks; every sample counts once.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>

#include "data/dataset.hpp"
#include "launch/world.hpp"
#include "models/model.hpp"
#include "tasks/task.hpp"
#include "train/strategy.hpp"

namespace lockstep {

struct EvaluationPlan {
  std::int64_t batch = 0;  // samples per rank and forward pass
  int workers = 1;         // loader threads
  torch::Device device = torch::kCPU;
  Batching batching = Batching::fixed;
  bool generate = false;  // also what the model generates without the targets (Task::add_generated)
};

// Collective: all ranks; over all of them, the same on each. Leaves the model in training mode.
Evaluation evaluate(Strategy& strategy, Model& model, const Task& task,
                    const std::shared_ptr<const Dataset>& split, World& world, const EvaluationPlan& plan);

}  // namespace lockstep
