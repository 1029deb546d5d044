// The rows of the registry, one a model, each in the model's own file.
#pragma once

#include "models/registry.hpp"

namespace lockstep {

ModelRow mlp();
ModelRow cnn();
ModelRow vgg11();
ModelRow conv_autoencoder();
ModelRow nbow();
ModelRow text_cnn();
ModelRow lstm();
ModelRow gru();
ModelRow transformer();
ModelRow gpt();
ModelRow seq2seq();

}  // namespace lockstep
