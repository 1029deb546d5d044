// The metrics of a group by name: the keys of the JSON and the columns of the CSV, in one table.
// docs/metrics.md has a row for each, and a test compares.
#pragma once

#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "analysis/model/summary.hpp"

namespace lockstep {

// A number, a word, nothing, or why there is none.
struct Refused {
  std::string code;
};
using MetricValue = std::variant<std::monostate, double, std::int64_t, std::string, Refused>;

struct MetricColumn {
  std::string name;  // snake case; _low and _high are the bounds of a 95 % interval
  std::string unit;  // "s", "1", "B/s", "samples/s"; "" for words
  std::function<MetricValue(const WorkloadSummary&, const GroupSummary&)> get;
};

const std::vector<MetricColumn>& metric_columns();

}  // namespace lockstep
