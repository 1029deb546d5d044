#include "analysis/tables/summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "analysis/advice/verdict.hpp"
#include "analysis/metrics/statistics.hpp"
#include "analysis/model/lost.hpp"
#include "analysis/quantities/numbers.hpp"
#include "analysis/tables/bench_words.hpp"
#include "analysis/tables/group_table.hpp"
#include "analysis/tables/overview.hpp"
#include "analysis/tables/reductions.hpp"
#include "results/gpu_slowdowns.hpp"

namespace lockstep {

namespace {

using W = WorkloadSummary;
using S = GroupSummary;

GroupColumn words(std::string header, std::string (*get)(const S&), std::string definition = "") {
  return {{.key = "", .unit = "", .header = std::move(header), .definition = std::move(definition)},
          [get](const W&, const S& s) { return Cell(get(s)); }};
}

std::string seen(const Range& range) {
  if (std::isnan(range.median)) return "-";
  if (range.low == range.high) return fmt::format("{:.4f}", range.median);
  return fmt::format("{:.4f} ({:.4f}-{:.4f})", range.median, range.low, range.high);
}

std::string warmup_of(const S& s) {
  const std::string steps = s.warmup_low == s.warmup_high ? std::to_string(s.warmup_low)
                                                          : fmt::format("{}-{}", s.warmup_low, s.warmup_high);
  return fmt::format("{} of {}{}", steps, s.group->any().steps.size(), s.warmup_given ? " (given)" : "");
}

Table times(const Analysis& analysis, const W& workload) {
  const auto left_out = [](const W&, const S& s) -> std::optional<Refused> {
    if (s.measured()) return {};
    return refused_by(*refusal_of(s.group->left_out.front()->findings, Claim::whole_run), "all numbers");
  };
  return group_table(
      "times", subject(analysis, workload, "Times of a step, of training and of the whole run"),
      groups_of(workload, [](const S&) { return true; }),
      {words(
           "launches",
           [](const S& s) { return s.group->single() ? "single" : std::to_string(s.group->launches.size()); },
           "launches"),
       metric("ranks", "ranks"), metric("global_batch", "batch"), metric("step_seconds_p50", "p50 ms", 1000),
       metric("step_seconds_p95", "p95 ms", 1000), metric("step_seconds_p99", "p99 ms", 1000),
       metric("throughput", "samples/s"), metric("training_seconds", "training s"),
       metric("wall_seconds", "run s")},
      {left_out});
}

// The speedup against the other baseline, beside that which leads.
Cell second_speedup(const Comparison& c) {
  if (!c.baseline) return {};
  return c.refused() ? Cell("refused") : Cell(c.speedup->value);
}

Table speedups(const W& workload, const Analysis& analysis) {
  const bool seq = analysis.baseline == Baseline::seq;
  const std::string lead = seq ? "" : "_one_rank";
  const auto compared = [&](const S& s) {
    return s.measured() && !s.group->any().is_sequential() && (seq || s.group->any().ranks > 1);
  };
  const auto why = [&](const W&, const S& s) -> std::optional<Refused> {
    const Comparison& c = analysis.comparison(s);
    if (!c.baseline) return Refused{"", "no run to compare with"};
    const Finding* finding = c.refused();
    return finding ? std::optional(refused_by(*finding, "speedup")) : std::nullopt;
  };
  const GroupColumn base{{"", "s", "base ms", 1000, true, Style::value}, [&](const W& w, const S& s) {
                           return Cell(summary_of(w, analysis.comparison(s).baseline)->step_seconds);
                         }};
  const GroupColumn second{
      {.key = "",
       .unit = "1",
       .header = seq ? "vs x1" : "vs seq",
       .definition = seq ? "speedup_one_rank" : "speedup"},
      [&](const W&, const S& s) { return second_speedup(seq ? s.against_one : s.against_seq); }};
  GroupColumn amdahl = metric("amdahl_parallel_share" + lead, "Amdahl");
  amdahl.get = [&](const W&, const S& s) { return cell(analysis.comparison(s).amdahl_parallel_share); };
  return group_table("speedups",
                     seq ? "Speedup against train_seq" : "Speedup against one rank of the same mode",
                     groups_of(workload, compared),
                     {metric("baseline" + lead, "vs"), metric("scaling", "scaling"), base,
                      metric("step_seconds", "step ms", 1000, Style::value),
                      metric("speedup" + lead, "speedup", 1, Style::marked),
                      metric("efficiency" + lead, "effic. %", 1, Style::percent), second,
                      metric("karp_flatt" + lead, "Karp-Flatt", 1, Style::value), amdahl},
                     {why});
}

// One number for all launches: the median, and the largest of what is a peak.
GpuUse gpu_use_of(const S& s) {
  GpuUse all;
  std::vector<double> powers, clocks;
  for (const Launch* launch : s.group->launches) {
    const GpuUse& gpu = launch->gpu;
    all.power_peak = std::fmax(all.power_peak, gpu.power_peak);
    all.temperature = std::fmax(all.temperature, gpu.temperature);
    all.slowdowns |= gpu.slowdowns;
    if (!std::isnan(gpu.power)) powers.push_back(gpu.power);
    if (!std::isnan(gpu.sm_clock)) clocks.push_back(gpu.sm_clock);
  }
  all.power = median(powers);
  all.sm_clock = median(clocks);
  return all;
}

GroupColumn of_gpus(const char* unit, const char* header, double factor, double GpuUse::*member) {
  return {{"", unit, header, factor}, [member](const W&, const S& s) { return Cell(gpu_use_of(s).*member); }};
}

bool on_watched_gpus(const S& s) {
  return s.measured() && std::any_of(s.group->launches.begin(), s.group->launches.end(),
                                     [](const Launch* launch) { return launch->gpu.recorded; });
}

Table gpus(const W& workload) {
  const auto slowed_by = [](const S& s) { return std::string(gpu_slowdown_names(gpu_use_of(s).slowdowns)); };
  return group_table(
      "gpus", "Power and clocks of the GPUs: medians of the launches, and the highest values seen",
      groups_of(workload, on_watched_gpus),
      {metric("energy_per_sample", "J/sample"), of_gpus("W", "mean W", 1, &GpuUse::power),
       of_gpus("W", "peak W", 1, &GpuUse::power_peak), of_gpus("Hz", "SM MHz", 1e-6, &GpuUse::sm_clock),
       of_gpus("C", "deg C", 1, &GpuUse::temperature), words("slowed by", slowed_by)});
}

Table communication(const W& workload) {
  const auto last = [](const S& s) {
    return s.last_rank < 0 ? "-" : fmt::format("{} ({} %)", s.last_rank, percent(s.last_share));
  };
  return group_table(
      "communication", "Communication", groups_of(workload, is_parallel),
      {metric("comm_share", "% of wall", 1, Style::percent),
       metric("comm_exposed_share", "exposed %", 1, Style::percent),
       metric("overlap_ratio", "hidden % of it", 1, Style::percent),
       metric("wait_share", "waiting % of it", 1, Style::percent), words("last rank", last, "straggler_rank"),
       metric("algbw", "algbw GB/s", 1e-9), metric("busbw", "busbw GB/s", 1e-9)},
      unless_refused(Claim::budget, "communication"));
}

Table ratios(const W& workload) {
  return group_table("ratios", "R: compute / communication", groups_of(workload, is_parallel),
                     {metric("compute_comm_ratio_total", "all of it"),
                      metric("compute_comm_ratio_transfer", "transfer only"),
                      metric("compute_comm_ratio_exposed", "exposed only")},
                     unless_refused(Claim::budget, "ratios"));
}

Table waiting(const W& workload) {
  return group_table(
      "waiting", "Who causes the waiting",
      groups_of(workload, [](const S& s) { return s.parallel.late.has_value(); }),
      {metric("waited_for_rank", "rank"), metric("waited_for_share", "% of waiting", 1, Style::percent),
       metric("waited_for_kind", "which"), metric("late_phase", "differs in"),
       metric("late_phase_seconds", "its ms", 1000),
       metric("late_phase_seconds_others", "others' ms", 1000)});
}

Table pop(const W& workload) {
  return group_table(
      "pop", "Parallel efficiency in %: load balance x serialisation x transfer (POP)",
      groups_of(workload, [](const S& s) { return s.parallel.pop.has_value(); }),
      {metric("pop_parallel_efficiency", "parallel", 100), metric("pop_load_balance", "load balance", 100),
       metric("pop_serialisation_efficiency", "serialisation", 100),
       metric("pop_transfer_efficiency", "transfer", 100)});
}

Table budget(const W& workload) {
  std::vector<GroupColumn> columns = {metric("budget_wall", "ms/step", 1000)};
  for (std::size_t part = 0; part < kBudgetParts; ++part) {
    const std::string name = kBudgetColumns[part].name;
    GroupColumn share =
        metric("budget_" + name, name == "comm_exposed" ? "comm exp." : name, 1, Style::percent);
    share.get = [part](const W&, const S& s) {
      return Cell(s.steps.point.values[part] / s.steps.point[Quantity::wall]);
    };
    columns.push_back(std::move(share));
  }
  return group_table("budget", "Time budget of a step, in % of its wall time, mean over ranks",
                     groups_of(workload), columns, unless_refused(Claim::budget, "budget"));
}

// shares: of the groups whose lost time has them, in %; otherwise of the others, in ms.
Table lost_time(const W& workload, const Analysis& analysis, bool shares) {
  Table table{shares ? "lost" : "lost_seconds",
              shares ? "Time lost against the ideal step, in % of the lost time"
                     : "The same in ms, if a part exceeds the whole because others are below 0",
              {{"group", "", ""}, {"ideal", "s", "ideal ms", 1000}, {"lost", "s", "lost ms", 1000}}};
  for (const auto& [name, part] : kNames<LossPart>)
    table.columns.push_back({.key = "",
                             .unit = shares ? "1" : "s",
                             .header = short_name(part),
                             .factor = shares ? 1.0 : 1000.0,
                             .style = shares ? Style::percent : Style::number});
  const auto compared = [&](const S& s) {
    const Comparison& c = analysis.comparison(s);
    return is_parallel(s) && c.baseline && !c.refused();
  };
  for (const auto& [name, w, s] : groups_of(workload, compared)) {
    const GroupSummary& base = *summary_of(*w, analysis.comparison(*s).baseline);
    const std::optional<Lost> lost = lost_by(*s, base);
    if (lost ? lost->time.has_shares() != shares : !shares) continue;
    std::vector<Cell>& row = table.rows.emplace_back(std::vector<Cell>{name});
    if (!lost) {
      row.emplace_back(refused_by(*refusal_of_loss(*s, base), "lost time"));
      continue;
    }
    row.insert(row.end(), {lost->ideal, lost->time.total});
    for (const LostTime::Part& part : lost->time.parts)
      row.emplace_back(part.seconds / (shares ? lost->time.total : 1));
  }
  return table;
}

Table learned(const W& workload) {
  const std::string metric_name = workload.groups.front().group->any().metric;
  return group_table(
      "learned", "What was learned, and from what", groups_of(workload),
      {words(
           "test " + metric_name, [](const S& s) { return seen(s.test_metric); }, "test_metric"),
       words(
           "validation", [](const S& s) { return seen(s.validation_metric); }, "validation_metric"),
       metric("epochs", "epochs"), metric("rows_trained", "rows trained"),
       words("warm-up left out", warmup_of, "warmup_steps_max")});
}

// Seed by seed, as the verdict says it.
Table quality(const W& workload, const Analysis& analysis) {
  Table table{"quality",
              "What was learned, compared with the baseline: means over common seeds",
              {{"group", "", ""},
               {.key = "", .unit = "", .header = "vs"},
               {.key = "", .unit = "1", .header = "seeds"},
               {.key = "", .unit = "1", .header = "metric", .style = Style::decimals},
               {.key = "", .unit = "1", .header = "baseline's", .style = Style::decimals},
               {.key = "", .unit = "1", .header = "difference", .style = Style::decimals}}};
  for (const auto& [name, w, s] : groups_of(workload)) {
    const Comparison& c = analysis.comparison(*s);
    if (!c.quality) continue;
    const Quality& q = *c.quality;
    table.rows.push_back(
        {name, c.baseline->label, q.seeds > 0 ? Cell(q.seeds) : Cell("none"), q.here, q.there, q.difference});
  }
  return table;
}

Table reductions(const W& workload) {
  const std::vector<NamedGroup> groups = groups_of(workload, is_parallel);
  Table table = reductions_table(groups);
  for (const std::string& sentence : reduction_sentences(groups))
    table.below += (table.below.empty() ? "" : " ") + sentence;
  return table;
}

void add_workload(Page& page, const W& workload, const Analysis& analysis) {
  page.tables.push_back(times(analysis, workload));
  for (Table table : {speedups(workload, analysis), gpus(workload), communication(workload),
                      reductions(workload), ratios(workload), waiting(workload), pop(workload),
                      budget(workload), lost_time(workload, analysis, true),
                      lost_time(workload, analysis, false), learned(workload), quality(workload, analysis)})
    if (!table.rows.empty()) page.tables.push_back(std::move(table));
}

// A finding is said once, however many subjects it has.
std::vector<std::string> finding_lines(const Analysis& analysis) {
  std::vector<std::pair<const Finding*, std::string>> merged;
  for (const ReportedFinding& f : all_findings(analysis)) {
    const auto same = std::find_if(merged.begin(), merged.end(), [&](const auto& m) {
      return m.first->rule == f.finding->rule && m.first->sentence == f.finding->sentence;
    });
    if (same == merged.end())
      merged.emplace_back(f.finding, f.subject);
    else
      same->second += ", " + f.subject;
  }
  std::vector<std::string> lines;
  for (const auto& [finding, subjects] : merged)
    lines.push_back(fmt::format("{} [{}] {}: {}", is_refusal(*finding) ? "refused" : "warning",
                                finding->rule->code, subjects, finding->sentence));
  return lines;
}

// "Refused: budget-open; warnings: single."
std::string codes_line(const Analysis& analysis) {
  std::string refused, warned;
  for (const ReportedFinding& f : all_findings(analysis)) {
    std::string& codes = is_refusal(*f.finding) ? refused : warned;
    const std::string code = f.finding->rule->code;
    if ((", " + codes + ",").find(", " + code + ",") == std::string::npos)
      codes += (codes.empty() ? "" : ", ") + code;
  }
  std::string line;
  if (!refused.empty()) line += fmt::format("Refused: {}. ", refused);
  if (!warned.empty()) line += fmt::format("Warnings: {}. ", warned);
  return line + "--full says why, and has all tables.";
}

std::vector<std::string> bench_lines(const std::vector<LinkBench>& benches) {
  std::vector<std::string> lines;
  for (const LinkBench& bench : benches)
    for (std::string& sentence : bench_sentences(bench, bench_name(bench, benches.size())))
      lines.push_back(std::move(sentence));
  return lines;
}

// In the short table a refusal is a word.
GroupColumn claimed(const Analysis& analysis, const char* header, std::optional<Estimate> Comparison::*claim,
                    double factor, const char* of_baseline) {
  return {{"", "1", header, factor}, [=, &analysis](const W&, const S& s) -> Cell {
            if (s.group->any().is_sequential()) return of_baseline;
            const Comparison& c = analysis.comparison(s);
            if (const Finding* finding = c.refused()) return fmt::format("refused ({})", finding->rule->code);
            return cell(c.*claim);
          }};
}

}  // namespace

Page summary_page(const Analysis& analysis, const PageOptions& options) {
  const std::vector<Overview> overviews = overviews_of(analysis, options);
  Page page{headline_of(overviews, analysis), verdict(analysis), {}, {}};
  if (!analysis.runs.launches.empty()) page.lead_heading = "Verdict";
  page.answer = answer_sentences(overviews, analysis);
  for (const Overview& overview : overviews)
    page.answer_tables.push_back(overview_table(analysis, overview, overview.rows.size()));
  for (const W& workload : analysis.summaries) add_workload(page, workload, analysis);
  page.more = {{"Links, by commbench", bench_lines(analysis.runs.benches)},
               {"Refusals and warnings", finding_lines(analysis)}};
  return page;
}

Page answer_page(const Analysis& analysis, const PageOptions& options) {
  const std::vector<Overview> overviews = overviews_of(analysis, options);
  Page page{headline_of(overviews, analysis), {}, {}, {}};
  page.answer = answer_sentences(overviews, analysis);
  for (const Overview& overview : overviews)
    page.answer_tables.push_back(overview_table(analysis, overview, kRowsOfAnswer));
  page.more = {{"Links, by commbench", bench_lines(analysis.runs.benches)}};
  if (!overviews.empty()) page.answer_tables.back().below += codes_line(analysis);
  return page;
}

Table short_table(const Analysis& analysis, const W& workload) {
  const std::string name = workload.groups.front().group->any().metric;
  const auto unmeasured = [](const W&, const S& s) {
    return s.measured() ? std::nullopt : std::optional(Refused{"", "no usable run"});
  };
  return group_table(
      "short", fmt::format("{} on {}", workload.workload->model, workload.workload->data),
      groups_of(workload, [](const S&) { return true; }),
      {metric("ranks", "ranks"), metric("launches", "launches"), metric("training_seconds", "training s"),
       metric("throughput", "samples/s", 1, Style::value),
       claimed(analysis, "speedup", &Comparison::speedup, 1, "1"),
       claimed(analysis, "effic. %", &Comparison::efficiency, 100, "100"),
       metric("test_metric", "test " + (name.empty() ? "metric" : name), 1, Style::decimals)},
      {unmeasured, 1});
}

Page short_tables(const Analysis& analysis) {
  Page page{"", {}, {}, {}};
  for (const W& workload : analysis.summaries) page.tables.push_back(short_table(analysis, workload));
  return page;
}

}  // namespace lockstep
