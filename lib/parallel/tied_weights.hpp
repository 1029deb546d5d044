// Tied weights of a split model: one weight that layers of two stages read (the embedding of a language model
// and its head). Both stages have a copy, and the gradients of the copies are summed in every step.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "comm/communicator.hpp"
#include "models/model.hpp"
#include "parallel/work_log.hpp"

namespace lockstep {

// One rank's copy.
struct TiedWeight {
  torch::Tensor weight;                        // this rank's copy; undefined if this stage has none
  int stage = -1;                              // of the other copy
  bool copy = false;                           // this one is the copy: it counts once in the gradient's norm
  std::map<std::string, std::string> aliases;  // the copy's name to that of the other
};

// Gives a layer that reads a weight of another stage's layer its own copy. here: this rank's stage. stage_of:
// of each of the model's layers. Not collective.
TiedWeight untie(const Model& model, int here, const std::function<int(int layer)>& stage_of);

// Collective over the two stages that share the weight, nothing elsewhere: both add the same two gradients,
// and so keep equal copies. communicator: of the stages of a pipeline. log: null, or gets what is sent, on
// this channel.
void sum_tied_gradients(const TiedWeight& tied, Communicator& communicator, WorkLog* log,
                        std::int64_t channel);

}  // namespace lockstep
