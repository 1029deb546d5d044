// The bytes of a configuration file to UTF-8 text, or a refusal that says in which encoding it seems to be.
// Private to lib/config.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace lockstep {

// Without its byte order mark; UTF-16 that has one is converted. Error(bad_input) naming file, line and
// column for what is not UTF-8 and for control characters, which YAML does not allow.
std::string decode_text(const std::string& path, const std::string& bytes);

// Where the first control character is that is neither a tab nor the end of a line: yaml-cpp reads a tag before
// a NUL for ever. Nothing where there is none.
std::optional<std::size_t> control_character(std::string_view text);

}  // namespace lockstep
