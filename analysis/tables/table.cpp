#include "analysis/tables/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "analysis/quantities/numbers.hpp"
#include "analysis/tables/definitions.hpp"

namespace lockstep {

namespace {

struct CellText {
  const Column& column;
  std::string operator()(std::monostate) const { return "-"; }
  std::string operator()(const std::string& text) const { return text; }
  std::string operator()(std::int64_t value) const { return std::to_string(value); }
  std::string operator()(double value) const {
    if (column.style == Style::percent) return percent(value);
    if (column.style == Style::decimals) return std::isfinite(value) ? fmt::format("{:.4f}", value) : "-";
    return number(column.factor * value);
  }
  std::string operator()(const Estimate& value) const {
    if (value.limit != Limit::none) return words_for(value.limit) + (*this)(value.value);
    if (column.style == Style::decimals && value.interval)
      return fmt::format("{:.4f} [{:.4f}, {:.4f}]", value.value, value.interval->low, value.interval->high);
    if (column.style == Style::brief)
      return number(column.factor * value.value) +
             (value.interval ? fmt::format(" ({})", bounds_of(value, *value.interval, column.factor, "-"))
                             : " single");
    if (column.style != Style::number && column.style != Style::marked) return (*this)(value.value);
    if (column.style == Style::number || value.interval) return with_interval(value, column.factor);
    const auto& within = value.within_launch;
    return number(column.factor * value.value) + " single" +
           (within ? fmt::format(" ({})", bounds_of(value, *within, column.factor, "-")) : "");
  }
  std::string operator()(const Refused& refused) const {
    if (refused.code.empty()) return refused.sentence;
    return fmt::format("{}refused [{}]: {}", refused.claim.empty() ? "" : refused.claim + " ", refused.code,
                       refused.sentence);
  }
};

// Columns that hold an estimate somewhere.
bool has_bounds(const Table& table, std::size_t column) {
  if (table.complete) return table.columns[column].bounds;
  return std::any_of(table.rows.begin(), table.rows.end(), [&](const std::vector<Cell>& row) {
    return column < row.size() && std::holds_alternative<Estimate>(row[column]);
  });
}

void append_flat(std::vector<Cell>& row, const Cell& cell, bool bounds) {
  const auto* estimate = std::get_if<Estimate>(&cell);
  const Figures figures = estimate ? figures_of(*estimate) : Figures{};
  row.push_back(estimate ? lockstep::cell(figures.value) : cell);
  if (bounds) row.insert(row.end(), {lockstep::cell(figures.low), lockstep::cell(figures.high)});
}

}  // namespace

ShownTable shown(const Table& table) {
  ShownTable result;
  for (const Column& column : table.columns) {
    if (!column.in_text) continue;
    result.header.push_back(column.header);
    result.definitions.push_back(definition_of(column.definition.empty() ? column.key : column.definition));
  }
  for (const std::vector<Cell>& row : table.rows) {
    ShownTable::Row& line = result.rows.emplace_back();
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (!table.columns[i].in_text) continue;
      std::string text = std::visit(CellText{table.columns[i]}, row[i]);
      if (std::holds_alternative<Refused>(row[i]))
        line.rest = std::move(text);
      else
        line.cells.push_back(std::move(text));
    }
  }
  return result;
}

Table flattened(const Table& table) {
  Table flat{table.key, table.heading, {}};
  std::vector<bool> bounds;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const Column& column = table.columns[i];
    bounds.push_back(has_bounds(table, i));
    flat.columns.push_back(column);
    for (const char* bound : {"_low", "_high"})
      if (bounds.back()) flat.columns.push_back({column.key + bound, column.unit, ""});
  }
  for (const std::vector<Cell>& row : table.rows) {
    std::vector<Cell>& flat_row = flat.rows.emplace_back();
    for (std::size_t i = 0; i < table.columns.size(); ++i)
      append_flat(flat_row, i < row.size() ? row[i] : Cell(), bounds[i]);
  }
  return flat;
}

Table words_table(const std::vector<std::string>& header) {
  Table table{"", "", {}};
  for (const std::string& name : header) table.columns.push_back({name, "", name});
  return table;
}

std::size_t display_width(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

}  // namespace lockstep
