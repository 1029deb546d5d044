#include "analysis/render/csv.hpp"

#include <fmt/format.h>

#include "analysis/render/escape.hpp"
#include "analysis/tables/metric_columns.hpp"

namespace lockstep {

namespace {

struct CellText {
  std::string operator()(std::monostate) const { return ""; }
  std::string operator()(double value) const { return fmt::format("{:.9g}", value); }
  std::string operator()(std::int64_t value) const { return std::to_string(value); }
  std::string operator()(const std::string& text) const { return csv_field(text); }
  std::string operator()(const Refused& refused) const { return csv_field("refused [" + refused.code + "]"); }
};

}  // namespace

std::string render_csv(const Analysis& analysis) {
  std::string out;
  for (const MetricColumn& column : metric_columns()) out += (out.empty() ? "" : ",") + column.name;
  out += '\n';
  for (const WorkloadSummary& workload : analysis.summaries) {
    for (const GroupSummary& group : workload.groups) {
      std::string row;
      for (const MetricColumn& column : metric_columns()) {
        if (&column != &metric_columns().front()) row += ',';
        row += std::visit(CellText(), column.get(workload, group));
      }
      out += row + '\n';
    }
  }
  return out;
}

}  // namespace lockstep
