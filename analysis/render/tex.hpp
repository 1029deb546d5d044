// A document as LaTeX: tables in the style of the package booktabs.
#pragma once

#include <string>

#include "analysis/tables/document.hpp"

namespace lockstep {

// To be \input in a document that uses booktabs; pure ASCII markup around the text, which is escaped.
std::string render_tex(const Document& document);

}  // namespace lockstep
