// What is known of a group, by the names of docs/metrics.md: the columns of the summary in JSON and CSV, and
// what other tables choose from. A test compares the names with the document.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "analysis/model/analysis.hpp"
#include "analysis/tables/table.hpp"

namespace lockstep {

// A column of a table that has a row a group.
struct GroupColumn {
  Column column;
  std::function<Cell(const WorkloadSummary&, const GroupSummary&)> get;
};

// All that is known, in order; the headers are the keys.
const std::vector<GroupColumn>& group_columns();

// One of them, as people read it in another table.
GroupColumn metric(const std::string& key, std::string header, double factor = 1,
                   Style style = Style::number);
// The same under another key.
GroupColumn metric_as(std::string new_key, GroupColumn column);

// Every group with every column.
Table groups_table(const Analysis& analysis);

}  // namespace lockstep
