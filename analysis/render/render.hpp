// A page in every format.
#pragma once

#include <string>

#include "analysis/render/format.hpp"
#include "analysis/tables/table.hpp"

namespace lockstep {

std::string render(const Page& page, Format format);

inline constexpr std::size_t kPageColumns = 100;

// For a terminal: sentences are broken at kPageColumns, tables keep their lines.
std::string render_text(const Page& page);
std::string render_markdown(const Page& page);
// To be \input in a document that uses booktabs; pure ASCII markup around the text, which is escaped.
std::string render_tex(const Page& page);
// The tables as one: the column "table" says which one a row is of, the others are those of all tables. No
// sentences. RFC 4180 quoting, lines end in \n.
std::string render_csv(const Page& page);
std::string render_csv(const Table& table);
std::string render_json(const Page& page);

}  // namespace lockstep
