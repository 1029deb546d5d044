// The JSON of a safetensors header, checked as it is read: no tree is built, nothing nests deeper than the
// format does. Internal to lib/tensors.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tensors/safetensors.hpp"

namespace lockstep {

// begin and end of the tensors count from the end of the header, as the file says them; texts are all of
// __metadata__. Error(bad_input) as parse_header's.
TensorHeader parse_header_json(std::string_view json);

bool is_plain(std::string_view text);
// As JSON, with its quotation marks. text: plain.
std::string json_string(const std::string& text);

}  // namespace lockstep
