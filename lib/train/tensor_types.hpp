// LibTorch's types as the safetensors format calls them.
#pragma once

#include <torch/types.h>

#include <string>

namespace lockstep {

// "F32". tensor: its name, for the message; Error where the format has no such type, or this program writes
// none.
std::string type_name(const std::string& tensor, torch::ScalarType type);

}  // namespace lockstep
