// Text of other people's files, made harmless for one kind of output each. What goes in may be any bytes.
#pragma once

#include <string>

#include "base/text.hpp"

namespace lockstep {

// Valid UTF-8 on one line: control characters become spaces. At most `columns` code points, the last then an
// ellipsis.
std::string one_line(const std::string& text, std::size_t columns = 200);

std::string html_escaped(const std::string& text);  // for content and for attributes in either quotes
std::string tex_escaped(const std::string& text);

// A file name of a-z, 0-9 and _: never empty, never with a dot.
std::string file_word(const std::string& text);

}  // namespace lockstep
