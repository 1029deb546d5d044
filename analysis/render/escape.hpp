// Makes text from foreign files harmless, one function per kind of output, called only by the renderers of
// that kind. The input may be any bytes.
#pragma once

#include <string>

#include "base/text.hpp"

namespace lockstep {

// One printable line of at most `columns` code points, the last then an ellipsis.
std::string one_line(const std::string& text, std::size_t columns = 200);

std::string json_quoted(const std::string& text);  // a JSON string, quotes included; no UTF-8: U+FFFD
std::string csv_field(const std::string& text);  // quoted by RFC 4180; a spreadsheet calculates nothing of it
std::string html_escaped(const std::string& text);   // for content and for attributes in either quotes
std::string html_sentence(const std::string& text);  // for content: escaped, no line broken within --set
std::string tex_escaped(const std::string& text);
std::string markdown_escaped(const std::string& text);  // for a paragraph, an item or a cell
std::string gnuplot_quoted(const std::string& text);    // quotes included, at most 60 columns; not enhanced
std::string gnuplot_tic(const std::string& text);       // the same for the label of a tic, which is a format

}  // namespace lockstep
