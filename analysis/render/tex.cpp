#include "analysis/render/tex.hpp"

#include <fmt/format.h>

#include "analysis/render/escape.hpp"

namespace lockstep {

namespace {

std::string tex_row(const TextTable::Row& row, std::size_t columns) {
  std::string out;
  for (const std::string& cell : row.cells) out += (out.empty() ? "" : " & ") + tex_escaped(cell);
  if (row.cells.empty()) out = "{}";
  const std::size_t left = columns > row.cells.size() ? columns - row.cells.size() : 0;
  if (!row.rest.empty() && left > 0)
    out += fmt::format(" & \\multicolumn{{{}}}{{p{{0.7\\linewidth}}}}{{{}}}", left, tex_escaped(row.rest));
  return "  " + out + " \\\\\n";
}

std::string tex_table(const TextTable& table) {
  const std::size_t columns = table.header.size();
  std::string out = fmt::format("\\begin{{tabular}}{{l{}}}\n  \\toprule\n", std::string(columns - 1, 'r'));
  std::string header;
  for (std::size_t c = 0; c < columns; ++c)
    header += (c ? " & " : "") + (table.header[c].empty() ? "{}" : tex_escaped(table.header[c]));
  out += "  " + header + " \\\\\n  \\midrule\n";
  for (const TextTable::Row& row : table.rows) out += tex_row(row, columns);
  return out + "  \\bottomrule\n\\end{tabular}\n";
}

std::string tex_block(const Block& block) {
  switch (block.kind) {
    case Block::Kind::title:
      return fmt::format("\\section*{{{}}}\n", tex_escaped(block.lines[0]));
    case Block::Kind::heading:
      return fmt::format("\\subsection*{{{}}}\n", tex_escaped(block.lines[0]));
    case Block::Kind::text:
      return tex_escaped(block.lines[0]) + '\n';
    case Block::Kind::items: {
      std::string out = "\\begin{itemize}\n";
      for (const std::string& line : block.lines) out += "  \\item " + tex_escaped(line) + '\n';
      return out + "\\end{itemize}\n";
    }
    case Block::Kind::table:
      return block.table.header.empty() ? "" : tex_table(block.table);
  }
  return "";
}

}  // namespace

std::string render_tex(const Document& document) {
  std::string out = "% needs \\usepackage{booktabs}\n";
  for (const Block& block : document.blocks) out += '\n' + tex_block(block);
  return out;
}

}  // namespace lockstep
