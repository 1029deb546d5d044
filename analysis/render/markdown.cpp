// A page as Markdown.
#include <fmt/format.h>

#include "analysis/render/escape.hpp"
#include "analysis/render/page_writer.hpp"
#include "analysis/render/render.hpp"

namespace lockstep {

namespace {

std::string row_of(const ShownTable::Row& row, std::size_t columns) {
  std::string out = "|";
  for (const std::string& cell : row.cells) out += fmt::format(" {} |", markdown_escaped(cell));
  std::size_t used = row.cells.size();
  if (!row.rest.empty()) {
    out += fmt::format(" {} |", markdown_escaped(row.rest));
    ++used;
  }
  for (; used < columns; ++used) out += " |";
  return out + '\n';
}

class MarkdownWriter : public PageWriter {
 public:
  void title(const std::string& text) override { add(fmt::format("# {}\n", markdown_escaped(text))); }
  void heading(const std::string& text) override { add(fmt::format("## {}\n", markdown_escaped(text))); }
  void paragraph(const std::string& text) override { add(markdown_escaped(text) + '\n'); }
  void items(const std::vector<std::string>& lines) override {
    std::string list;
    for (const std::string& line : lines) list += fmt::format("- {}\n", markdown_escaped(line));
    add(list);
  }
  void table(const ShownTable& table) override {
    std::string lines = row_of({table.header, ""}, table.header.size()) + "|";
    for (std::size_t i = 0; i < table.header.size(); ++i) lines += i == 0 ? "---|" : "---:|";
    lines += '\n';
    for (const ShownTable::Row& row : table.rows) lines += row_of(row, table.header.size());
    add(lines);
  }
  std::string out;

 private:
  void add(const std::string& block) { out += (out.empty() ? "" : "\n") + block; }
};

}  // namespace

std::string render_markdown(const Page& page) {
  MarkdownWriter writer;
  writer.page(page);
  return writer.out;
}

}  // namespace lockstep
