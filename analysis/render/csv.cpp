// Tables as CSV.
#include <sstream>

#include "analysis/render/long_table.hpp"
#include "analysis/render/render.hpp"

namespace lockstep {

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
  std::string out;
  for (const Table& table : page.tables) out += (out.empty() ? "" : "\n") + render_csv(table);
  return out;
}

}  // namespace lockstep
