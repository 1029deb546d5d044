// A table of data written row by row: CSV, JSON (a list of objects) or LaTeX (longtable and booktabs).
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "analysis/tables/table.hpp"

namespace lockstep {

enum class LongFormat { csv, json, tex };

class LongTable {
 public:
  // Writes the header.
  LongTable(std::ostream& out, LongFormat format, std::vector<std::string> columns);
  // As many cells as columns, no estimates. What is not there and a number that is not finite is empty, in
  // JSON null.
  void row(const std::vector<Cell>& cells);
  // Writes the end; nothing after it.
  void finish();

 private:
  std::ostream& out_;
  LongFormat format_;
  std::vector<std::string> columns_;
  bool first_ = true;
};

}  // namespace lockstep
