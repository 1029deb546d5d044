// The answer of a verb in every format.
#pragma once

#include <string>

#include "analysis/render/format.hpp"
#include "analysis/tables/document.hpp"
#include "analysis/tables/sheet.hpp"

namespace lockstep {

// The page as people read it.
Document document_of(const Page& page);

// CSV: the sheets one after another, an empty line between; no lead and no notes.
std::string render(const Page& page, Format format);

}  // namespace lockstep
