// Writes a text to a file, all of it or an error.
#pragma once

#include <string>

namespace lockstep {

// Replaces the file. Error(bad_input) naming the file when it cannot be written.
void write_file(const std::string& path, const std::string& text);

}  // namespace lockstep
