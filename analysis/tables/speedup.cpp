#include <fmt/format.h>

#include "analysis/model/scaling.hpp"
#include "analysis/quantities/numbers.hpp"
#include "analysis/tables/page_parts.hpp"
#include "analysis/tables/pages.hpp"

namespace lockstep {

namespace {

std::vector<Cell> point_row(const Analysis& analysis, const WorkloadSummary& workload,
                            const GroupSummary& group) {
  const Launch& launch = group.group->any();
  std::vector<Cell> row = {subject(analysis, workload, group.group->label), launch.ranks,
                           std::string(launch.weak_scaling() ? "weak" : "strong")};
  const Comparison& c = analysis.comparison(group);
  if (const Finding* finding = c.baseline ? c.refused() : nullptr)
    return row.push_back(no_cells(*finding)), row;
  row.insert(row.end(), {group.step_seconds, group.steady_training_seconds});
  row.push_back(c.baseline ? Cell(c.baseline->label) : Cell());
  row.insert(row.end(), {cell(c.speedup), cell(c.efficiency), cell(c.karp_flatt)});
  return row;
}

Sheet points_sheet(const Analysis& analysis) {
  Sheet sheet{"points",
              "Times and speedups",
              {{"group", "", ""},
               {"ranks", "1", "ranks"},
               {"scaling", "", "scaling"},
               {"step_seconds", "s", "ms/step", 1000},
               {"training_seconds_steady", "s", "training s"},
               {"baseline", "", "vs"},
               {"speedup", "1", "speedup"},
               {"efficiency", "1", "effic. %", 100},
               {"karp_flatt", "1", "Karp-Flatt"}},
              {}};
  visit_measured(analysis, [&](const WorkloadSummary& workload, const GroupSummary& group) {
    sheet.rows.push_back(point_row(analysis, workload, group));
  });
  return sheet;
}

void add_law(Sheet& sheet, const std::string& series, const char* law, const char* parameter,
             const std::optional<Estimate>& value, const Finding* refusal = nullptr) {
  if (!value && !refusal) return;
  std::vector<Cell>& row = sheet.rows.emplace_back(std::vector<Cell>{series, law, parameter});
  if (refusal)
    row.emplace_back(no_cells(*refusal));
  else
    row.emplace_back(*value);
}

void add_laws(Sheet& sheet, const std::string& name, const ScalingSeries& series) {
  add_law(sheet, name, "Gustafson", "serial share", series.gustafson_serial_share);
  if (series.weak) return;
  add_law(sheet, name, "Amdahl", "parallel share", series.amdahl_parallel_share,
          refusal_of(series.findings, Claim::amdahl));
  const Finding* refusal = refusal_of(series.findings, Claim::usl);
  add_law(sheet, name, "universal", "sigma (contention)", series.usl_sigma, refusal);
  if (refusal) return;
  add_law(sheet, name, "universal", "kappa (per pair)", series.usl_kappa);
  add_law(sheet, name, "universal", "ranks at the peak", series.usl_best_ranks);
}

// Whether the serial fraction that the measurements imply grows with the ranks.
std::string karp_flatt_sentence(const std::string& name, const Analysis& analysis,
                                const ScalingSeries& series) {
  if (series.groups.size() < 2) return "";
  const auto& first = analysis.comparison(*series.groups.front()).karp_flatt;
  const auto& last = analysis.comparison(*series.groups.back()).karp_flatt;
  if (!first || !last) return "";
  const bool known = first->interval && last->interval;
  const bool rises = known ? last->interval->low > first->interval->high : last->value > 1.2 * first->value;
  const char* meaning = last->value > 1 ? "above 1: the ranks do extra work"
                        : rises         ? "rising: overhead that grows with the ranks"
                                        : "not clearly rising: it behaves as a serial part";
  return fmt::format("{}: the serial fraction of Karp and Flatt goes from {} on {} ranks to {} on {}, {}{}.",
                     name, number(first->value), series.groups.front()->group->any().ranks,
                     number(last->value), series.groups.back()->group->any().ranks, meaning,
                     known ? "" : " (single launches)");
}

std::string peak_sentence(const std::string& name, const ScalingSeries& series) {
  if (!series.usl_best_ranks) return "";
  const double peak = series.usl_best_ranks->value;
  const std::int64_t most = series.groups.back()->group->any().ranks;
  return fmt::format(
      "{}: by the universal law {} ranks are the fastest; more slow it down{}.", name, number(peak),
      peak > static_cast<double>(most) ? fmt::format(" (beyond the {} that were measured)", most) : "");
}

}  // namespace

Page scaling_page(const Analysis& analysis, const PageOptions&) {
  Page page{"Scaling: " + size_of(analysis), {}, {points_sheet(analysis)}, {}};
  Sheet laws{
      "laws",
      "Laws of scaling, fitted to the speedups",
      {{"series", "", ""}, {"law", "", "law"}, {"parameter", "", "parameter"}, {"value", "1", "value"}},
      {}};
  for (const WorkloadSummary& workload : analysis.summaries) {
    for (const ScalingSeries& series : scaling_series(workload, analysis.baseline)) {
      const std::string name = subject(analysis, workload, series.label);
      add_laws(laws, name, series);
      for (const std::string& sentence :
           {karp_flatt_sentence(name, analysis, series), peak_sentence(name, series)})
        if (!sentence.empty()) page.lead.push_back(sentence);
    }
  }
  if (laws.rows.empty())
    page.notes.emplace_back("No law can be fitted: no group of more than one rank has a speedup.");
  else
    page.sheets.push_back(std::move(laws));
  return page;
}

}  // namespace lockstep
