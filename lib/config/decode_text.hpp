// The bytes of a configuration file to UTF-8 text, or a refusal that says in which encoding it seems to be.
// Private to lib/config.
#pragma once

#include <string>

namespace lockstep {

// Without its byte order mark; UTF-16 that has one is converted. Error(bad_input) naming file, line and
// column for what is not UTF-8 and for control characters, which YAML does not allow.
std::string decode_text(const std::string& path, const std::string& bytes);

}  // namespace lockstep
