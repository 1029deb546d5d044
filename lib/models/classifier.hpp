// The fully connected head of a model that classifies.
#pragma once

#include <cstdint>
#include <vector>

#include "models/model.hpp"

namespace lockstep {

// Appends the ReLU layers "hidden1", "hidden2", ... and the layer "output" of `classes` logits. dropout:
// after each hidden layer; its masks take the model's sites 0, 1, ...
void append_classifier(Model& model, std::int64_t in, const std::vector<std::int64_t>& hidden,
                       std::int64_t classes, double dropout = 0);

}  // namespace lockstep
