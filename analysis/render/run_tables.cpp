#include "analysis/render/run_tables.hpp"

#include <cmath>
#include <type_traits>

#include "results/columns.hpp"

namespace lockstep {

namespace {

using Cells = std::vector<Cell>;

// "/steps/wall" is the column wall.
std::string last_word(const std::string& path) { return path.substr(path.rfind('/') + 1); }

template <typename Columns>
void add_names(std::vector<std::string>& names, const Columns& columns) {
  for (const auto& column : columns) names.push_back(last_word(column.path));
}

Cells run_cells(const RunData& run) {
  return {run.header.uuid, run.header.mode,
          std::int64_t{run.steps.ranks() > 0 ? run.steps.ranks() : std::ssize(run.ranks)}};
}

// A column that the file does not have is empty.
template <typename T>
double value_at(const Matrix<T>& m, std::int64_t rank, std::int64_t step) {
  return rank < m.rows && step < m.columns ? static_cast<double>(m.at(rank, step)) : NAN;
}

// Those that every file has, counts first.
template <typename Body>
void for_each_exported_column(Body&& body) {
  const auto of_type = [&]<typename Wanted>(Wanted) {
    for_each_step_column([&]<typename T>(const StepColumn<T>& column) {
      if constexpr (std::is_same_v<T, Wanted>)
        if (!column.may_lack()) body(column);
    });
  };
  of_type(std::int32_t{});
  of_type(double{});
  of_type(float{});
}

void add_steps(LongTable& out, const RunData& run) {
  const StepTable& t = run.steps;
  for (std::int64_t rank = 0; rank < t.ranks(); ++rank) {
    for (std::int64_t step = 0; step < t.steps(); ++step) {
      Cells cells = run_cells(run);
      cells.insert(cells.end(), {rank, step});
      for_each_exported_column([&]<typename T>(const StepColumn<T>& c) {
        if constexpr (std::is_integral_v<T>)
          cells.emplace_back(std::int64_t{(t.*c.table).at(rank, step)});
        else
          cells.emplace_back(value_at(t.*c.table, rank, step));
      });
      out.row(cells);
    }
  }
}

void add_epochs(LongTable& out, const RunData& run) {
  for (std::size_t e = 0; e < run.epochs.size(); ++e) {
    Cells cells = run_cells(run);
    cells.emplace_back(run.first_epoch() + static_cast<std::int64_t>(e));
    for (const auto& c : kEpochValues) cells.emplace_back(run.epochs[e].*c.member);
    cells.emplace_back(run.epochs[e].peak_memory_bytes);
    for (const auto& c : kAuditCounts)
      cells.push_back(e < run.audit.size() ? Cell(run.audit[e].*c.member) : Cell(NAN));
    out.row(cells);
  }
}

void add_comm(LongTable& out, const RunData& run) {
  const CommTable& comm = run.comm;
  for (std::size_t i = 0; i < comm.size(); ++i) {
    Cells cells = run_cells(run);
    for (const auto& c : kCommSmall) cells.emplace_back(std::int64_t{(comm.*c.member)[i]});
    for (const auto& c : kCommLarge) cells.emplace_back((comm.*c.member)[i]);
    cells.emplace_back(comm.kind[i]);
    for (const auto& c : kCommTimes) cells.emplace_back((comm.*c.member)[i]);
    out.row(cells);
  }
}

}  // namespace

std::vector<std::string> run_table_columns(RunTable table) {
  std::vector<std::string> names = {"run", "mode", "ranks"};
  switch (table) {
    case RunTable::steps:
      names.insert(names.end(), {"rank", "step"});
      for_each_exported_column([&](const auto& column) { names.emplace_back(column.name); });
      break;
    case RunTable::epochs:
      names.emplace_back("epoch");
      add_names(names, kEpochValues);
      names.emplace_back("peak_memory_bytes");
      add_names(names, kAuditCounts);
      break;
    case RunTable::comm:
      add_names(names, kCommSmall);
      add_names(names, kCommLarge);
      names.emplace_back("kind");
      add_names(names, kCommTimes);
      break;
  }
  return names;
}

void add_run_rows(LongTable& out, RunTable table, const RunData& run) {
  switch (table) {
    case RunTable::steps:
      return add_steps(out, run);
    case RunTable::epochs:
      return add_epochs(out, run);
    case RunTable::comm:
      return add_comm(out, run);
  }
}

}  // namespace lockstep
