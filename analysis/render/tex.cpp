// A page as LaTeX: tables in the style of the package booktabs.
#include <fmt/format.h>

#include "analysis/render/escape.hpp"
#include "analysis/render/page_writer.hpp"
#include "analysis/render/render.hpp"

namespace lockstep {

namespace {

std::string row_of(const ShownTable::Row& row, std::size_t columns) {
  std::string out;
  for (const std::string& cell : row.cells) out += (out.empty() ? "" : " & ") + tex_escaped(cell);
  if (row.cells.empty()) out = "{}";
  const std::size_t left = columns > row.cells.size() ? columns - row.cells.size() : 0;
  if (!row.rest.empty() && left > 0)
    out += fmt::format(" & \\multicolumn{{{}}}{{p{{0.7\\linewidth}}}}{{{}}}", left, tex_escaped(row.rest));
  return "  " + out + " \\\\\n";
}

std::string header_of(const ShownTable& table) {
  std::string header;
  for (std::size_t c = 0; c < table.header.size(); ++c)
    header += (c ? " & " : "") + (table.header[c].empty() ? "{}" : tex_escaped(table.header[c]));
  return "  " + header + " \\\\\n";
}

class TexWriter : public PageWriter {
 public:
  void title(const std::string& text) override {
    out += fmt::format("\n\\section*{{{}}}\n", tex_escaped(text));
  }
  void heading(const std::string& text) override {
    out += fmt::format("\n\\subsection*{{{}}}\n", tex_escaped(text));
  }
  void paragraph(const std::string& text) override { out += '\n' + tex_escaped(text) + '\n'; }
  void items(const std::vector<std::string>& lines) override {
    out += "\n\\begin{itemize}\n";
    for (const std::string& line : lines) out += "  \\item " + tex_escaped(line) + '\n';
    out += "\\end{itemize}\n";
  }
  void table(const ShownTable& table) override {
    const std::size_t columns = table.header.size();
    out += fmt::format("\n\\begin{{tabular}}{{l{}}}\n  \\toprule\n", std::string(columns - 1, 'r'));
    out += header_of(table) + "  \\midrule\n";
    for (const ShownTable::Row& row : table.rows) out += row_of(row, columns);
    out += "  \\bottomrule\n\\end{tabular}\n";
  }
  std::string out = "% needs \\usepackage{booktabs}\n";
};

}  // namespace

std::string render_tex(const Page& page) {
  TexWriter writer;
  writer.page(page);
  return writer.out;
}

}  // namespace lockstep
