#include "analysis/tables/metric_definitions.hpp"

#include <fmt/format.h>

#include <map>
#include <sstream>

namespace lockstep {

extern const char* const kMetricsPage;

namespace {

struct HeaderRow {
  const char* header;
  const char* metric;
};
// Headers that are no names of metrics themselves.
constexpr HeaderRow kHeaders[] = {
    {"batch", "global_batch"},
    {"p50 ms", "step_seconds_p50"},
    {"p95 ms", "step_seconds_p95"},
    {"p99 ms", "step_seconds_p99"},
    {"samples/s", "throughput"},
    {"training s", "training_seconds"},
    {"run s", "wall_seconds"},
    {"vs", "baseline"},
    {"step ms", "step_seconds"},
    {"ms/step", "budget_wall"},
    {"effic. %", "efficiency"},
    {"vs x1", "speedup_one_rank"},
    {"vs seq", "speedup"},
    {"Karp-Flatt", "karp_flatt"},
    {"Amdahl", "amdahl_parallel_share"},
    {"% of wall", "comm_share"},
    {"exposed %", "comm_exposed_share"},
    {"hidden % of it", "overlap_ratio"},
    {"waiting % of it", "wait_share"},
    {"last rank", "straggler_rank"},
    {"algbw GB/s", "algbw"},
    {"busbw GB/s", "busbw"},
    {"all of it", "compute_comm_ratio_total"},
    {"transfer only", "compute_comm_ratio_transfer"},
    {"exposed only", "compute_comm_ratio_exposed"},
    {"data", "budget_data"},
    {"h2d", "budget_h2d"},
    {"forward", "budget_forward"},
    {"backward", "budget_backward"},
    {"comm exp.", "budget_comm_exposed"},
    {"optimizer", "budget_optimizer"},
    {"bubble", "budget_bubble"},
    {"other", "budget_other"},
    {"validation", "validation_metric"},
    {"rows trained", "rows_trained"},
    {"warm-up left out", "warmup_steps_max"},
};

// Rows "| `name` | unit | meaning |" of the page's section on keys.
std::map<std::string, std::string> read_page() {
  std::map<std::string, std::string> definitions;
  std::istringstream page(kMetricsPage);
  bool inside = false;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("## ")) inside = line.starts_with("## Keys");
    const std::size_t name_end = line.find("` | ");
    if (!inside || !line.starts_with("| `") || name_end == std::string::npos) continue;
    const std::size_t unit = name_end + 4, unit_end = line.find(" | ", unit), end = line.rfind(" |");
    if (unit_end == std::string::npos || end <= unit_end) continue;
    const std::string name = line.substr(3, name_end - 3), word = line.substr(unit, unit_end - unit);
    const std::string suffix = word == "1" || word == "text" ? "" : ", in " + word;
    definitions[name] = line.substr(unit_end + 3, end - unit_end - 3) + suffix;
  }
  return definitions;
}

}  // namespace

std::string metric_definition(const std::string& metric) {
  static const std::map<std::string, std::string> definitions = read_page();
  if (const auto found = definitions.find(metric); found != definitions.end())
    return fmt::format("{}: {}", metric, found->second);
  for (const std::string bound : {"_low", "_high"})
    if (metric.ends_with(bound))
      if (const std::string of = metric_definition(metric.substr(0, metric.size() - bound.size()));
          !of.empty())
        return "bound of the 95 % interval of " + of;
  return "";
}

std::string metric_of_header(const std::string& header) {
  for (const HeaderRow& row : kHeaders)
    if (header == row.header) return row.metric;
  if (header.starts_with("test ")) return "test_metric";
  return metric_definition(header).empty() ? "" : header;
}

}  // namespace lockstep
