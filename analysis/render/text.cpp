#include "analysis/render/text.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "analysis/render/escape.hpp"

namespace lockstep {

namespace {

constexpr std::size_t kWidestCell = 400;  // all cells of a column are as wide as its widest

using Escape = std::string (*)(const std::string&);

std::string cell_text(const std::string& text) { return one_line(text, kWidestCell); }
std::string sentence_text(const std::string& text) { return printable(text); }

TextTable escaped(TextTable table, Escape cell, Escape sentence) {
  for (std::string& name : table.header) name = cell(name);
  for (TextTable::Row& row : table.rows) {
    for (std::string& text : row.cells) text = cell(text);
    row.rest = sentence(row.rest);
  }
  return table;
}

// The block with every text in it made harmless.
Block escaped(Block block, Escape cell, Escape sentence) {
  for (std::string& line : block.lines) line = sentence(line);
  block.table = escaped(std::move(block.table), cell, sentence);
  return block;
}

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

std::vector<std::size_t> widths_of(const TextTable& table) {
  std::vector<std::size_t> widths;
  for (const std::string& name : table.header) widths.push_back(display_width(name));
  for (const TextTable::Row& row : table.rows)
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

std::string text_of(const TextTable& table) {
  const std::vector<std::size_t> widths = widths_of(table);
  std::string out = trimmed(aligned(table.header, widths));
  for (const TextTable::Row& row : table.rows) {
    const std::string cells = aligned(row.cells, widths);
    out += row.rest.empty() ? trimmed(cells) : hanging(cells + "  ", row.rest);
  }
  return out;
}

std::string text_of(const Block& block) {
  std::string out;
  switch (block.kind) {
    case Block::Kind::title:
      return fmt::format("{}\n{}\n", block.lines[0], std::string(display_width(block.lines[0]), '='));
    case Block::Kind::heading:
      return fmt::format("\n{}\n", block.lines[0]);
    case Block::Kind::text:
      return hanging("  ", block.lines[0]);
    case Block::Kind::items:
      for (const std::string& line : block.lines) out += hanging("  - ", line);
      return out;
    case Block::Kind::table:
      return text_of(block.table);
  }
  return out;
}

std::string markdown_row(const TextTable::Row& row, std::size_t columns) {
  std::string out = "|";
  for (const std::string& cell : row.cells) out += fmt::format(" {} |", cell);
  std::size_t used = row.cells.size();
  if (!row.rest.empty()) {
    out += fmt::format(" {} |", row.rest);
    ++used;
  }
  for (; used < columns; ++used) out += " |";
  return out + '\n';
}

std::string markdown_of(const TextTable& table) {
  std::string out = markdown_row({table.header, ""}, table.header.size()) + "|";
  for (std::size_t i = 0; i < table.header.size(); ++i) out += i == 0 ? "---|" : "---:|";
  out += '\n';
  for (const TextTable::Row& row : table.rows) out += markdown_row(row, table.header.size());
  return out;
}

std::string markdown_of(const Block& block) {
  std::string out;
  switch (block.kind) {
    case Block::Kind::title:
      return fmt::format("# {}\n", block.lines[0]);
    case Block::Kind::heading:
      return fmt::format("## {}\n", block.lines[0]);
    case Block::Kind::text:
      return block.lines[0] + '\n';
    case Block::Kind::items:
      for (const std::string& line : block.lines) out += fmt::format("- {}\n", line);
      return out;
    case Block::Kind::table:
      return markdown_of(block.table);
  }
  return out;
}

}  // namespace

std::string render_text(const Document& document) {
  std::string out;
  for (const Block& block : document.blocks) out += text_of(escaped(block, cell_text, sentence_text));
  return out;
}

std::string render_markdown(const Document& document) {
  std::string out;
  for (const Block& block : document.blocks) {
    if (!out.empty()) out += '\n';
    out += markdown_of(escaped(block, markdown_escaped, markdown_escaped));
  }
  return out;
}

}  // namespace lockstep
