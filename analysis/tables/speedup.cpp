#include <fmt/format.h>

#include "analysis/model/scaling.hpp"
#include "analysis/quantities/numbers.hpp"
#include "analysis/tables/group_table.hpp"
#include "analysis/tables/pages.hpp"

namespace lockstep {

namespace {

Table points_table(const Analysis& analysis) {
  const std::string lead = analysis.baseline == Baseline::seq ? "" : "_one_rank";
  const auto why = [&](const WorkloadSummary&, const GroupSummary& group) -> std::optional<Refused> {
    const Comparison& c = analysis.comparison(group);
    const Finding* finding = c.baseline ? c.refused() : nullptr;
    return finding ? std::optional(refused_by(*finding)) : std::nullopt;
  };
  return group_table(
      "points", "Times and speedups", groups_of(analysis),
      {metric("ranks", "ranks"), metric("scaling", "scaling"), metric("step_seconds", "ms/step", 1000),
       metric("training_seconds", "training s"), metric_as("baseline", metric("baseline" + lead, "vs")),
       metric_as("speedup", metric("speedup" + lead, "speedup")),
       metric_as("efficiency", metric("efficiency" + lead, "effic. %", 100)),
       metric_as("karp_flatt", metric("karp_flatt" + lead, "Karp-Flatt"))},
      {why, 2});
}

void add_law(Table& table, const std::string& series, const char* law, const char* parameter,
             const std::optional<Estimate>& value, const Finding* refusal = nullptr) {
  if (!value && !refusal) return;
  std::vector<Cell>& row = table.rows.emplace_back(std::vector<Cell>{series, law, parameter});
  if (refusal)
    row.emplace_back(refused_by(*refusal));
  else
    row.emplace_back(*value);
}

void add_laws(Table& table, const std::string& name, const ScalingSeries& series) {
  add_law(table, name, "Gustafson", "serial share", series.gustafson_serial_share);
  if (series.weak) return;
  add_law(table, name, "Amdahl", "parallel share", series.amdahl_parallel_share,
          refusal_of(series.findings, Claim::amdahl));
  const Finding* refusal = refusal_of(series.findings, Claim::usl);
  add_law(table, name, "universal", "sigma (contention)", series.usl_sigma, refusal);
  if (refusal) return;
  add_law(table, name, "universal", "kappa (per pair)", series.usl_kappa);
  add_law(table, name, "universal", "ranks at the peak", series.usl_best_ranks);
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
  // Where the universal law has a peak, something grows with the ranks.
  const char* meaning = last->value > 1         ? ", above 1: the ranks do extra work"
                        : rises                 ? ", rising: overhead grows with the ranks"
                        : series.usl_best_ranks ? ""
                                                : ", not clearly rising: it behaves as a serial part";
  return fmt::format("{}: the serial fraction of Karp and Flatt goes from {} on {} ranks to {} on {}{}{}.",
                     name, number(first->value), series.groups.front()->group->any().ranks,
                     number(last->value), series.groups.back()->group->any().ranks, meaning,
                     known ? "" : " (single launches)");
}

std::string peak_sentence(const std::string& name, const ScalingSeries& series) {
  if (!series.usl_best_ranks) return "";
  const double peak = series.usl_best_ranks->value;
  const std::int64_t most = series.groups.back()->group->any().ranks;
  return fmt::format(
      "{}: by the universal scalability law {} ranks are the fastest; more are slower{}.", name, number(peak),
      peak > static_cast<double>(most) ? fmt::format(" (beyond the {} that were measured)", most) : "");
}

}  // namespace

Page scaling_page(const Analysis& analysis, const PageOptions&) {
  Page page{"Scaling: " + size_of(analysis), {}, {points_table(analysis)}, {}};
  Table laws{
      "laws",
      "Scaling laws, fitted to the speedups",
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
    page.tables.push_back(std::move(laws));
  return page;
}

}  // namespace lockstep
