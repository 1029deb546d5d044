#include "analysis/render/long_table.hpp"

#include <fmt/format.h>

#include <cmath>

#include "analysis/render/escape.hpp"
#include "analysis/render/json.hpp"

namespace lockstep {

namespace {

// What a cell says in one piece; words are quoted by the format.
struct CellText {
  std::string (*quoted)(const std::string&);
  std::string operator()(std::monostate) const { return ""; }
  std::string operator()(double value) const {
    return std::isfinite(value) ? fmt::format("{:.9g}", value) : "";
  }
  std::string operator()(std::int64_t value) const { return std::to_string(value); }
  std::string operator()(const std::string& text) const { return quoted(text); }
  std::string operator()(const Estimate& estimate) const { return (*this)(estimate.value); }
  std::string operator()(const Refused& refused) const {
    return quoted(refused.code.empty() ? refused.sentence : fmt::format("refused [{}]", refused.code));
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

void LongTable::row(const std::vector<Cell>& cells) {
  if (format_ == LongFormat::json) {
    Table one{"", "", {}, {cells}};
    for (const std::string& column : columns_) one.columns.push_back({column, "", ""});
    out_ << (first_ ? "\n" : ",\n") << json_line(json_of(one).front());
  } else {
    const bool csv = format_ == LongFormat::csv;
    std::string line;
    for (std::size_t i = 0; i < columns_.size(); ++i)
      line += (i ? (csv ? "," : " & ") : "") + std::visit(CellText{csv ? csv_field : tex_escaped}, cells[i]);
    out_ << line + (csv ? "\n" : " \\\\\n");
  }
  first_ = false;
}

void LongTable::finish() {
  if (format_ == LongFormat::json) out_ << "\n]\n";
  if (format_ == LongFormat::tex) out_ << "\\bottomrule\n\\end{longtable}\n";
}

}  // namespace lockstep
