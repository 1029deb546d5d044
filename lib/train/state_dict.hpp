// A module's parameters and buffers in a safetensors file, as Python writes it with
// safetensors.torch.save_file(model.state_dict(), path) and reads it with load_file(path): weights go from PyTorch
// to here and back. Not a checkpoint: no optimizer, no checksums wanted.
#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <string>
#include <vector>

namespace lockstep {

// What a tensor of the module is in the file.
struct TensorRule {
  std::string here;  // a regular expression (ECMAScript) that its whole name here matches
  std::string
      there;  // its name there; "$1" is what the first group matched. Empty: the file does not have it
  // Where its dimensions stand in another order there: which of those here is the first there, the second, ...
  std::vector<std::int64_t> order = {};
};
// The first rule that matches counts; a tensor that none matches is the same in the file.
using TensorRules = std::vector<TensorRule>;

// Reads every tensor that the file should have, to wherever the module is. Not collective: under a
// DistributedDataParallel call it on every rank, or on one and then broadcast_module(). Error(bad_input) that
// names file and tensor, and leaves the module as it was, where one is missing in the file, has another shape or
// type, or where the file has one that nothing here is called.
void load_state_dict(torch::nn::Module& module, const std::string& path, const TensorRules& rules = {});

// One rank only. Writes the whole file or none. Error(bad_input) where two different tensors would get one name,
// Error(failed) with the system's reason.
void save_state_dict(const torch::nn::Module& module, const std::string& path, const TensorRules& rules = {});

}  // namespace lockstep
