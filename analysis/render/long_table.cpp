#include "analysis/render/long_table.hpp"

#include <fmt/format.h>

#include <cmath>

#include "analysis/render/escape.hpp"

namespace lockstep {

namespace {

struct CellText {
  LongFormat format;
  std::string operator()(double value) const {
    if (!std::isfinite(value)) return format == LongFormat::json ? "null" : "";
    return fmt::format("{:.9g}", value);
  }
  std::string operator()(std::int64_t value) const { return std::to_string(value); }
  std::string operator()(const std::string& text) const {
    switch (format) {
      case LongFormat::csv:
        return csv_field(text);
      case LongFormat::json:
        return json_quoted(text);
      case LongFormat::tex:
        return tex_escaped(text);
    }
    return "";
  }
};

}  // namespace

LongTable::LongTable(std::ostream& out, LongFormat format, std::vector<std::string> columns)
    : out_(out), format_(format), columns_(std::move(columns)) {
  if (format_ == LongFormat::json) {
    out_ << "[";
    return;
  }
  if (format_ == LongFormat::tex)
    out_ << "% needs \\usepackage{booktabs,longtable}\n\\begin{longtable}{"
         << std::string(columns_.size(), 'r') << "}\n\\toprule\n";
  const bool csv = format_ == LongFormat::csv;
  for (std::size_t i = 0; i < columns_.size(); ++i)
    out_ << (i ? (csv ? "," : " & ") : "") << (csv ? columns_[i] : tex_escaped(columns_[i]));
  out_ << (csv ? "\n" : " \\\\\n\\midrule\n\\endhead\n");
}

std::string LongTable::cell_text(const Cell& cell) const { return std::visit(CellText{format_}, cell); }

void LongTable::row(const std::vector<Cell>& cells) {
  std::string line = format_ == LongFormat::json ? (first_ ? "\n{" : ",\n{") : "";
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (i) line += format_ == LongFormat::tex ? " & " : ",";
    if (format_ == LongFormat::json) line += json_quoted(columns_[i]) + ":";
    line += cell_text(cells[i]);
  }
  line += format_ == LongFormat::json ? "}" : format_ == LongFormat::csv ? "\n" : " \\\\\n";
  out_ << line;
  first_ = false;
}

void LongTable::finish() {
  if (format_ == LongFormat::json) out_ << "\n]\n";
  if (format_ == LongFormat::tex) out_ << "\\bottomrule\n\\end{longtable}\n";
}

}  // namespace lockstep
