// The size of a model, without allocating any of it.
#pragma once

#include "models/registry.hpp"

namespace lockstep {

struct ModelSize {
  double parameters = 0;   // elements that are trained
  double value_bytes = 0;  // of parameters and buffers
};

// Builds the model of tensors that have shapes but no memory (LibTorch's meta device). Infinite where a
// single tensor is larger than LibTorch can name. Errors as make_model. Not collective.
ModelSize model_size(const RunConfig::Model& config, const ModelInputs& inputs);

}  // namespace lockstep
