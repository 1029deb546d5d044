// A page as aligned text.
#include <fmt/format.h>

#include <algorithm>

#include "analysis/render/escape.hpp"
#include "analysis/render/page_writer.hpp"
#include "analysis/render/render.hpp"

namespace lockstep {

namespace {

constexpr std::size_t kWidestCell = 400;  // all cells of a column are as wide as its widest

// Words of `text` after `lead`; lines after the first begin at the same column.
std::string hanging(const std::string& lead, const std::string& text) {
  const std::size_t margin = display_width(lead);
  std::string out = lead;
  std::size_t column = margin;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const std::string word = text.substr(at, end - at);
    if (column > margin && column + 1 + display_width(word) > kPageColumns) {
      out += fmt::format("\n{:{}}", "", margin);
      column = margin;
    }
    if (column > margin) {
      out += ' ';
      ++column;
    }
    out += word;
    column += display_width(word);
    at = end + 1;
  }
  return out + '\n';
}

std::vector<std::size_t> widths_of(const ShownTable& table) {
  std::vector<std::size_t> widths;
  for (const std::string& name : table.header) widths.push_back(display_width(name));
  for (const ShownTable::Row& row : table.rows)
    for (std::size_t i = 0; i < row.cells.size(); ++i)
      widths[i] = std::max(widths[i], display_width(row.cells[i]));
  return widths;
}

std::string aligned(const std::vector<std::string>& cells, const std::vector<std::size_t>& widths) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::string space(widths[i] - display_width(cells[i]), ' ');
    line += fmt::format("  {}{}", i == 0 ? cells[i] : space, i == 0 ? space : cells[i]);
  }
  return line;
}

std::string trimmed(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line + '\n';
}

ShownTable made_harmless(ShownTable table) {
  for (std::string& name : table.header) name = one_line(name, kWidestCell);
  for (ShownTable::Row& row : table.rows) {
    for (std::string& text : row.cells) text = one_line(text, kWidestCell);
    row.rest = printable(row.rest);
  }
  return table;
}

class TextWriter : public PageWriter {
 public:
  void title(const std::string& text) override {
    const std::string line = printable(text);
    out += hanging("", line) + std::string(std::min(display_width(line), kPageColumns), '=') + '\n';
  }
  void heading(const std::string& text) override { out += fmt::format("\n{}\n", printable(text)); }
  void paragraph(const std::string& text) override { out += hanging("  ", printable(text)); }
  void items(const std::vector<std::string>& lines) override {
    for (const std::string& line : lines) out += hanging("  - ", printable(line));
  }
  void table(const ShownTable& given) override {
    const ShownTable table = made_harmless(given);
    const std::vector<std::size_t> widths = widths_of(table);
    out += trimmed(aligned(table.header, widths));
    for (const ShownTable::Row& row : table.rows) {
      const std::string cells = aligned(row.cells, widths);
      out += row.rest.empty() ? trimmed(cells) : hanging(cells + "  ", row.rest);
    }
  }
  std::string out;
};

}  // namespace

std::string render_text(const Page& page) {
  TextWriter writer;
  writer.page(page);
  return writer.out;
}

}  // namespace lockstep
