// A table of typed cells, and the page of tables that answers a verb. Said once; analysis/render writes it in
// every format.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "analysis/quantities/estimate.hpp"
#include "analysis/runs/finding.hpp"

namespace lockstep {

// Why there is no number: by a rule, or in words alone. As a row's last cell it stands for those that are
// missing.
struct Refused {
  std::string code;  // "" where no rule speaks
  std::string sentence;
  std::string claim = "";  // what is refused, where a summary says it: "speedup"
};
inline Refused refused_by(const Finding& finding, std::string claim = "") {
  return {finding.rule->code, finding.sentence, std::move(claim)};
}

// Nothing is a dash, an empty field or null.
using Cell = std::variant<std::monostate, std::string, std::int64_t, double, Estimate, Refused>;

// The cell of a number that may be absent.
template <typename T>
Cell cell(const std::optional<T>& value) {
  return value ? Cell(*value) : Cell();
}

// How people read a number: three significant digits, with the interval where there is one; the same without
// it; with the word "single" where there is none, and what its own steps say in brackets; the shortest that says
// both; as a percentage with one decimal; with four decimals.
enum class Style { number, value, marked, brief, percent, decimals };

struct Column {
  std::string key;              // JSON and CSV: snake case, in the unit
  std::string unit;             // "s", "1", "B/s"; "" for words
  std::string header;           // text, Markdown, LaTeX and HTML
  double factor = 1;            // of the unit in which people read it: 1000 for ms, 100 for %
  bool in_text = true;          // false: JSON and CSV alone, as the lead says it in a sentence
  Style style = Style::number;  // text, Markdown, LaTeX and HTML
  // The metric of docs/metrics.md that it shows, for a tooltip; empty: the one called as the key; "-": none.
  std::string definition = "";
  bool bounds = false;  // of a complete table: has an interval wherever it is known
};

struct Table {
  std::string key;      // JSON: name of the list of rows
  std::string heading;  // text and Markdown
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows = {};  // shorter than columns only where the last cell is Refused
  std::string below = {};                    // a sentence under the table, for people
  bool complete = false;  // every row has every column; JSON says of a refused one null and <key>_refused
};

// A heading with lines below it.
struct Lines {
  std::string heading;
  std::vector<std::string> lines;
  bool items = true;  // otherwise paragraphs
};

struct Page {
  std::string title;
  std::vector<std::string> lead;  // sentences before the tables
  std::vector<Table> tables;
  std::vector<std::string> notes;  // assumptions, what is absent
  std::string lead_heading = {};   // empty: none
  std::vector<Lines> more = {};    // for people alone; those without lines are left out
  // Before all that, for people alone: sentences and tables that answer the question which the rest explains.
  std::vector<std::string> answer = {};
  std::vector<Table> answer_tables = {};
};

// What people see of a table: the texts of the columns that are in_text.
struct ShownTable {
  struct Row {
    std::vector<std::string> cells;
    std::string rest;  // in place of the cells that are missing: a sentence
  };
  std::vector<std::string> header;  // the first column is aligned to the left, the others to the right
  std::vector<std::string> definitions;
  std::vector<Row> rows;
};
ShownTable shown(const Table& table);

// What programs read of a table: estimates are three columns, the value and the bounds <key>_low and
// <key>_high. Of a number that is a bound the value is missing.
Table flattened(const Table& table);

// A table of words, each column under its own name.
Table words_table(const std::vector<std::string>& header);

// Columns that a UTF-8 text takes on a terminal, counting one a code point.
std::size_t display_width(const std::string& text);

}  // namespace lockstep
