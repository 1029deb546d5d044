// A document of headings, tables and lists.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

namespace lockstep {

struct TextTable {
  struct Row {
    std::vector<std::string> cells;
    std::string rest;  // in place of the cells that are missing: a sentence
  };
  std::vector<std::string> header;  // the first column is aligned to the left, the others to the right
  std::vector<Row> rows;
  std::vector<std::string> metrics = {};  // what each column shows, by name; empty: the headers tell
};

struct Block {
  enum class Kind { title, heading, text, items, table };
  Kind kind = Kind::text;
  std::vector<std::string> lines;  // one for title, heading and text
  TextTable table;
};

struct Document {
  std::vector<Block> blocks;
  void title(std::string text) { blocks.push_back({Block::Kind::title, {std::move(text)}, {}}); }
  void heading(std::string text) { blocks.push_back({Block::Kind::heading, {std::move(text)}, {}}); }
  void text(std::string text) { blocks.push_back({Block::Kind::text, {std::move(text)}, {}}); }
  void items(std::vector<std::string> lines) { blocks.push_back({Block::Kind::items, std::move(lines), {}}); }
  void table(TextTable table) { blocks.push_back({Block::Kind::table, {}, std::move(table)}); }
};

// Columns that a UTF-8 text takes on a terminal, counting one a code point.
inline std::size_t display_width(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

}  // namespace lockstep
