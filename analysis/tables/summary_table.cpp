#include "analysis/tables/summary_table.hpp"

#include <fmt/format.h>

#include <cmath>

#include "analysis/checks/rules.hpp"
#include "analysis/quantities/numbers.hpp"

namespace lockstep {

namespace {

std::string claimed(const Comparison& c, const std::optional<Estimate>& estimate, double factor = 1) {
  if (const Finding* finding = c.refused()) return fmt::format("refused ({})", finding->rule->code);
  return with_interval(estimate, factor);
}

TextTable::Row row_of(const Analysis& analysis, const GroupSummary& s) {
  const Launch& launch = s.group->any();
  if (!s.measured()) return {{s.group->label, std::to_string(launch.ranks)}, "no usable run"};
  const Comparison& c = analysis.comparison(s);
  const bool baseline = launch.header.mode == "seq";
  return {{s.group->label, std::to_string(launch.ranks), std::to_string(s.group->launches.size()),
           with_interval(s.steady_training_seconds), number(s.throughput.value),
           baseline ? "1" : claimed(c, c.speedup), baseline ? "100" : claimed(c, c.efficiency, 100),
           std::isnan(s.test_metric.median) ? "-" : fmt::format("{:.4f}", s.test_metric.median)},
          ""};
}

}  // namespace

TextTable summary_table(const Analysis& analysis, const WorkloadSummary& workload) {
  const std::string metric = workload.groups.front().group->any().metric;
  TextTable table{{"", "ranks", "launches", "training s", "samples/s", "speedup", "effic. %",
                   fmt::format("test {}", metric.empty() ? "metric" : metric)},
                  {}};
  for (const GroupSummary& s : workload.groups) table.rows.push_back(row_of(analysis, s));
  return table;
}

Document summary_tables(const Analysis& analysis) {
  Document page;
  for (const WorkloadSummary& workload : analysis.summaries) {
    page.heading(fmt::format("{} on {}", workload.workload->model, workload.workload->data));
    page.table(summary_table(analysis, workload));
  }
  return page;
}

}  // namespace lockstep
