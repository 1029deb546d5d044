// A document as aligned text for a terminal, and as Markdown.
#pragma once

#include <string>

#include "analysis/tables/document.hpp"

namespace lockstep {

inline constexpr std::size_t kPageColumns = 100;

// Sentences are broken at kPageColumns; tables keep their lines.
std::string render_text(const Document& document);
std::string render_markdown(const Document& document);

}  // namespace lockstep
