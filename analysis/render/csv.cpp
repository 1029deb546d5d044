// Tables as CSV: those of a page as one, whose first column names the table that a row is of.
#include <algorithm>
#include <sstream>

#include "analysis/render/long_table.hpp"
#include "analysis/render/render.hpp"

namespace lockstep {

namespace {

// Where the column of this key is; at the end, where there is none yet.
std::size_t column_at(Table& all, const Column& column) {
  const auto known = std::find_if(all.columns.begin(), all.columns.end(),
                                  [&](const Column& c) { return c.key == column.key; });
  const auto at = static_cast<std::size_t>(known - all.columns.begin());
  if (known == all.columns.end()) all.columns.push_back(column);
  return at;
}

// The rows of a flat table below those that are there, each under its own columns; fields of other tables stay empty.
void append(Table& all, const Table& table) {
  std::vector<std::size_t> places;
  for (const Column& column : table.columns) places.push_back(column_at(all, column));
  for (const std::vector<Cell>& row : table.rows) {
    std::vector<Cell>& wide = all.rows.emplace_back(all.columns.size());
    wide[0] = table.key;
    for (std::size_t i = 0; i < row.size(); ++i) wide[places[i]] = row[i];
  }
}

}  // namespace

std::string render_csv(const Table& table) {
  const Table flat = flattened(table);
  std::vector<std::string> keys;
  for (const Column& column : flat.columns) keys.push_back(column.key);
  std::ostringstream text;
  LongTable out(text, LongFormat::csv, keys);
  for (const std::vector<Cell>& row : flat.rows) out.row(row);
  out.finish();
  return text.str();
}

std::string render_csv(const Page& page) {
  Table all{"", "", {{"table", "", ""}}};
  for (const Table& table : page.tables) append(all, flattened(table));
  return render_csv(all);
}

}  // namespace lockstep
