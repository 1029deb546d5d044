// The answer of a verb: tables of typed cells and notes, rendered in every format from one description.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "analysis/quantities/estimate.hpp"
#include "analysis/runs/finding.hpp"

namespace lockstep {

// Why a row has no more cells, by a rule or in words alone.
struct NoCells {
  std::string code;  // "" where no rule speaks
  std::string sentence;
};
inline NoCells no_cells(const Finding& finding) { return {finding.rule->code, finding.sentence}; }

// Nothing is a dash, an empty field or null.
using Cell = std::variant<std::monostate, std::string, std::int64_t, double, Estimate, NoCells>;

// What there may be of a number, as a cell.
template <typename T>
Cell cell(const std::optional<T>& value) {
  return value ? Cell(*value) : Cell();
}

struct SheetColumn {
  std::string key;      // JSON and CSV: snake case, in the unit
  std::string unit;     // "s", "1", "B/s"; "" for words
  std::string heading;  // text and Markdown
  double factor = 1;    // of the unit in which people read it: 1000 for ms, 100 for %
  bool in_text = true;  // false: JSON and CSV alone, as the lead says it in a sentence
};

struct Sheet {
  std::string key;      // JSON: name of the list of rows
  std::string heading;  // text and Markdown
  std::vector<SheetColumn> columns;
  std::vector<std::vector<Cell>> rows;  // shorter than columns only where the last cell is NoCells
};

struct Page {
  std::string title;
  std::vector<std::string> lead;  // sentences before the tables
  std::vector<Sheet> sheets;
  std::vector<std::string> notes;  // assumptions, what is absent
};

}  // namespace lockstep
