// A long table written row by row: CSV, JSON (a list of objects) or LaTeX (longtable and booktabs).
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <variant>
#include <vector>

namespace lockstep {

enum class LongFormat { csv, json, tex };

class LongTable {
 public:
  using Cell = std::variant<double, std::int64_t, std::string>;

  // Writes the header.
  LongTable(std::ostream& out, LongFormat format, std::vector<std::string> columns);
  // As many cells as columns. A number that is not finite is empty, in JSON null.
  void row(const std::vector<Cell>& cells);
  // Writes the end; nothing after it.
  void finish();

 private:
  std::string cell_text(const Cell& cell) const;
  std::ostream& out_;
  LongFormat format_;
  std::vector<std::string> columns_;
  bool first_ = true;
};

}  // namespace lockstep
