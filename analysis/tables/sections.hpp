// The sections of a summary, for people: one document, rendered as text or Markdown.
#pragma once

#include "analysis/model/analysis.hpp"
#include "analysis/tables/document.hpp"

namespace lockstep {

Document summary_document(const Analysis& analysis);

}  // namespace lockstep
