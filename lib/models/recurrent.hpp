// Recurrent classifiers of text, whatever their cells: embedding, layers over packed documents, the last
// hidden state of both directions, linear. Dropout on the embedding, between layers and on the last state, as
// in the usual tutorial. Layers of the model: "embedding", "rnn1", "rnn2", ..., "head".
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "models/hyper_parameters.hpp"
#include "models/model.hpp"

namespace lockstep {

enum class CellKind { lstm, gru };

// The keys that build_recurrent reads.
std::vector<HyperParameter> recurrent_keys();

std::shared_ptr<Model> build_recurrent(const std::string& name, CellKind kind, const HyperParameters& hyper,
                                       const ModelInputs& inputs);

}  // namespace lockstep
