// The models: one row each, in the order in which they are listed, and a function of that name in the model's
// own file.
#pragma once

#include "models/registry.hpp"

#define LOCKSTEP_MODELS(row)                                                                    \
  row(mlp) row(cnn) row(vgg11) row(conv_autoencoder) row(nbow) row(text_cnn) row(lstm) row(gru) \
      row(transformer) row(seq2seq) row(gpt)

namespace lockstep {

#define LOCKSTEP_DECLARE(model) ModelRow model();
LOCKSTEP_MODELS(LOCKSTEP_DECLARE)
#undef LOCKSTEP_DECLARE

}  // namespace lockstep
