#include "analysis/render/page_writer.hpp"

namespace lockstep {

void PageWriter::page(const Page& page) {
  if (!page.title.empty()) title(page.title);
  for (const std::string& sentence : page.answer) paragraph(sentence);
  tables(page.answer_tables);
  if (!page.lead_heading.empty()) heading(page.lead_heading);
  for (const std::string& sentence : page.lead) paragraph(sentence);
  body(page);
}

void PageWriter::tables(const std::vector<Table>& all) {
  for (const Table& t : all) {
    heading(t.heading);
    table(shown(t));
    if (!t.below.empty()) paragraph(t.below);
  }
}

void PageWriter::body(const Page& page) {
  tables(page.tables);
  const auto list = [this](const Lines& lines) {
    if (lines.lines.empty()) return;
    heading(lines.heading);
    if (lines.items) return items(lines.lines);
    for (const std::string& line : lines.lines) paragraph(line);
  };
  list({"Notes", page.notes});
  for (const Lines& lines : page.more) list(lines);
}

}  // namespace lockstep
