#include "analysis/tables/sections.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "analysis/advice/verdict.hpp"
#include "analysis/checks/rules.hpp"
#include "analysis/metrics/statistics.hpp"
#include "analysis/model/lost.hpp"
#include "analysis/quantities/numbers.hpp"
#include "analysis/tables/bench_words.hpp"
#include "results/gpu_slowdowns.hpp"

namespace lockstep {

namespace {

using Row = TextTable::Row;

std::string refused(const char* claim, const Finding& finding) {
  return fmt::format("{} refused [{}]: {}", claim, finding.rule->code, finding.sentence);
}

std::string launches_of(const GroupSummary& s) {
  const std::size_t n = s.group->launches.size();
  return n == 1 ? "single" : std::to_string(n);
}

std::string seen(const Range& range) {
  if (std::isnan(range.median)) return "-";
  if (range.low == range.high) return fmt::format("{:.4f}", range.median);
  return fmt::format("{:.4f} ({:.4f}-{:.4f})", range.median, range.low, range.high);
}

Row time_row(const GroupSummary& s) {
  if (!s.measured()) {
    const Launch& run = *s.group->left_out.front();
    return {{s.group->label}, refused("all numbers", *refusal_of(run.findings, Claim::whole_run))};
  }
  return {{s.group->label, launches_of(s), std::to_string(s.group->any().ranks),
           std::to_string(s.group->any().global_batch), milliseconds(s.step_p50), milliseconds(s.step_p95),
           milliseconds(s.step_p99), with_interval(s.throughput), number(s.training_seconds.median),
           number(s.wall_seconds.median)},
          ""};
}

Row speedup_row(const GroupSummary& s, const Comparison& c, const Comparison& second,
                const GroupSummary* baseline) {
  const Launch& launch = s.group->any();
  if (!c.baseline) return {{s.group->label}, "no run to compare with"};
  if (const Finding* finding = c.refused()) return {{s.group->label}, refused("speedup", *finding)};
  const bool single = s.group->single() || c.baseline->single();
  std::string other = "-";
  if (second.baseline) other = second.refused() ? "refused" : number(second.speedup->value);
  return {{s.group->label, c.baseline->label, launch.weak_scaling() ? "weak" : "strong",
           milliseconds(baseline->step_seconds.value), milliseconds(s.step_seconds.value),
           with_interval(c.speedup) + (single ? " single" : ""), percent(c.efficiency->value), other,
           c.karp_flatt ? number(c.karp_flatt->value) : "-", number(c.amdahl_parallel_share)},
          ""};
}

Row comm_row(const GroupSummary& s) {
  if (const Finding* finding = refusal_of(s.findings, Claim::budget))
    return {{s.group->label}, refused("communication", *finding)};
  const std::string last =
      s.last_rank < 0 ? "-" : fmt::format("{} ({} %)", s.last_rank, percent(s.last_share));
  const auto gigabytes = [](const std::optional<double>& b) { return b ? number(*b / 1e9) : "-"; };
  return {{s.group->label, percent(s.comm_share), percent(s.exposed_share), percent(s.overlap_share),
           percent(s.wait_share), last, gigabytes(s.algorithm_bandwidth), gigabytes(s.bus_bandwidth)},
          ""};
}

Row ratio_row(const GroupSummary& s) {
  if (const Finding* finding = refusal_of(s.findings, Claim::budget))
    return {{s.group->label}, refused("ratios", *finding)};
  return {{s.group->label, with_interval(s.ratio_total), with_interval(s.ratio_transfer),
           with_interval(s.ratio_exposed)},
          ""};
}

Row waiting_row(const GroupSummary& s) {
  const LateRank& late = *s.parallel.late;
  return {{s.group->label, std::to_string(late.lateness.rank), percent(late.lateness.share),
           words_for(late.lateness.kind), late.phase, milliseconds(late.seconds), milliseconds(late.others)},
          ""};
}

Row pop_row(const GroupSummary& s) {
  const PopSummary& pop = *s.parallel.pop;
  return {{s.group->label, with_interval(pop.parallel, 100), with_interval(pop.load_balance, 100),
           with_interval(pop.serialisation, 100), with_interval(pop.transfer, 100)},
          ""};
}

Row lost_row(const GroupSummary& s, const GroupSummary& baseline) {
  const std::optional<Lost> lost = lost_by(s, baseline);
  if (!lost) return {{s.group->label}, "the budget is refused"};
  Row row{{s.group->label, milliseconds(lost->ideal), milliseconds(lost->time.total)}, ""};
  for (const LostTime::Part& part : lost->time.parts)
    row.cells.push_back(percent(part.seconds / lost->time.total));
  return row;
}

Row budget_row(const GroupSummary& s) {
  if (const Finding* finding = refusal_of(s.findings, Claim::budget))
    return {{s.group->label}, refused("budget", *finding)};
  Row row{{s.group->label, milliseconds(s.budget[Quantity::wall])}, ""};
  for (std::size_t part = 0; part < kBudgetParts; ++part)
    row.cells.push_back(percent(s.budget.values[part] / s.budget[Quantity::wall]));
  return row;
}

// One number for all launches: the median, and the largest of what is a peak.
Row gpu_row(const GroupSummary& s) {
  GpuUse most;
  std::vector<double> powers, clocks;
  for (const Launch* launch : s.group->launches) {
    const GpuUse& gpu = launch->gpu;
    most.power_peak = std::fmax(most.power_peak, gpu.power_peak);
    most.temperature = std::fmax(most.temperature, gpu.temperature);
    most.slowdowns |= gpu.slowdowns;
    if (!std::isnan(gpu.power)) powers.push_back(gpu.power);
    if (!std::isnan(gpu.sm_clock)) clocks.push_back(gpu.sm_clock);
  }
  const auto known = [](double value) { return std::isnan(value) ? std::string("-") : number(value); };
  const auto middle = [&](const std::vector<double>& values, double unit) {
    return values.empty() ? std::string("-") : number(median(values) / unit);
  };
  return {{s.group->label, known(s.energy_per_sample.median), middle(powers, 1), known(most.power_peak),
           middle(clocks, 1e6), known(most.temperature), gpu_slowdown_names(most.slowdowns)},
          ""};
}

bool on_watched_gpus(const GroupSummary& s) {
  return s.measured() && std::any_of(s.group->launches.begin(), s.group->launches.end(),
                                     [](const Launch* launch) { return launch->gpu.recorded; });
}

std::string warmup_of(const GroupSummary& s) {
  const std::string steps = s.warmup_low == s.warmup_high ? std::to_string(s.warmup_low)
                                                          : fmt::format("{}-{}", s.warmup_low, s.warmup_high);
  return fmt::format("{} of {}{}", steps, s.group->any().steps.size(), s.warmup_given ? " (given)" : "");
}

Row learning_row(const GroupSummary& s) {
  return {
      {s.group->label, seen(s.test_metric), seen(s.validation_metric), std::to_string(s.group->any().epochs),
       s.rows_trained < 0 ? "-" : std::to_string(s.rows_trained), warmup_of(s)},
      ""};
}

template <typename MakeRow, typename Which>
TextTable table_of(const WorkloadSummary& workload, std::vector<std::string> header, MakeRow make_row,
                   Which which) {
  TextTable table{std::move(header), {}};
  for (const GroupSummary& s : workload.groups)
    if (which(s)) table.rows.push_back(make_row(s));
  return table;
}

bool measured(const GroupSummary& s) { return s.measured(); }

const GroupSummary* summary_of(const WorkloadSummary& workload, const LaunchGroup* group) {
  const auto found = std::find_if(workload.groups.begin(), workload.groups.end(),
                                  [&](const GroupSummary& s) { return s.group == group; });
  return found == workload.groups.end() ? nullptr : &*found;
}

// Nothing where no run has it.
void add_gpus(Document& page, const WorkloadSummary& workload) {
  TextTable table = table_of(workload, {"", "J/sample", "mean W", "peak W", "SM MHz", "deg C", "slowed by"},
                             gpu_row, on_watched_gpus);
  if (table.rows.empty()) return;
  page.heading("What the GPUs drew and how fast they ran, medians of the launches and the highest seen");
  page.table(std::move(table));
}

void add_speedups(Document& page, const WorkloadSummary& workload, const Analysis& analysis) {
  const bool seq = analysis.baseline == Baseline::seq;
  const auto compared = [&](const GroupSummary& s) {
    return s.measured() && s.group->any().header.mode != "seq" && (seq || s.group->any().ranks > 1);
  };
  const auto row = [&](const GroupSummary& s) {
    const Comparison& c = analysis.comparison(s);
    return speedup_row(s, c, seq ? s.against_one : s.against_seq, summary_of(workload, c.baseline));
  };
  TextTable table = table_of(workload,
                             {"", "vs", "scaling", "base ms", "step ms", "speedup", "effic. %",
                              seq ? "vs x1" : "vs seq", "Karp-Flatt", "Amdahl"},
                             row, compared);
  if (table.rows.empty()) return;
  page.heading(seq ? "Speedup against train_seq" : "Speedup against one rank of the same mode");
  page.table(std::move(table));
}

void add_communication(Document& page, const WorkloadSummary& workload) {
  const auto communicates = [](const GroupSummary& s) { return s.measured() && s.group->any().ranks > 1; };
  TextTable lengths = table_of(workload,
                               {"", "% of wall", "exposed %", "hidden % of it", "waiting % of it",
                                "last rank", "algbw GB/s", "busbw GB/s"},
                               comm_row, communicates);
  if (lengths.rows.empty()) return;
  page.heading("Communication");
  page.table(std::move(lengths));
  page.heading("Compute / communication");
  page.table(table_of(workload, {"", "all of it", "transfer only", "exposed only"}, ratio_row, communicates));
}

void add_parallelism(Document& page, const WorkloadSummary& workload) {
  TextTable waiting =
      table_of(workload, {"", "rank", "% of waiting", "which", "differs in", "its ms", "others' ms"},
               waiting_row, [](const GroupSummary& s) { return s.parallel.late.has_value(); });
  if (!waiting.rows.empty()) {
    page.heading("Whom the ranks wait for");
    page.table(std::move(waiting));
  }
  TextTable pop = table_of(workload, {"", "parallel", "load balance", "serialisation", "transfer"}, pop_row,
                           [](const GroupSummary& s) { return s.parallel.pop.has_value(); });
  if (pop.rows.empty()) return;
  page.heading("Parallel efficiency in %: load balance x serialisation x transfer (POP)");
  page.table(std::move(pop));
}

void add_lost_time(Document& page, const WorkloadSummary& workload, const Analysis& analysis) {
  TextTable table = table_of(
      workload,
      {"", "ideal ms", "lost ms", "data", "h2d", "compute", "optimizer", "waiting", "transfer", "bubble",
       "other"},
      [&](const GroupSummary& s) {
        return lost_row(s, *summary_of(workload, analysis.comparison(s).baseline));
      },
      [&](const GroupSummary& s) {
        const Comparison& c = analysis.comparison(s);
        return s.measured() && s.group->any().ranks > 1 && c.baseline && !c.refused();
      });
  if (table.rows.empty()) return;
  page.heading("What a step takes beyond the ideal one, in % of the lost time");
  page.table(std::move(table));
}

void add_workload(Document& page, const WorkloadSummary& workload, const Analysis& analysis) {
  const Launch& launch = workload.groups.front().group->any();
  page.heading(fmt::format("{} on {}: {} parameters, {} training rows, {}", workload.workload->model,
                           workload.workload->data, launch.parameters, launch.data.train_rows,
                           launch.setting("training.precision")));
  page.table(table_of(
      workload,
      {"", "launches", "ranks", "batch", "p50 ms", "p95 ms", "p99 ms", "samples/s", "training s", "run s"},
      time_row, [](const GroupSummary&) { return true; }));
  add_speedups(page, workload, analysis);
  add_gpus(page, workload);
  add_communication(page, workload);
  add_parallelism(page, workload);
  if (std::none_of(workload.groups.begin(), workload.groups.end(), measured)) return;
  page.heading("Time budget of a step, in % of its wall time, mean over ranks");
  page.table(table_of(
      workload,
      {"", "ms/step", "data", "h2d", "forward", "backward", "comm exp.", "optimizer", "bubble", "other"},
      budget_row, measured));
  add_lost_time(page, workload, analysis);
  page.heading("What was learned, and from what");
  page.table(table_of(
      workload,
      {"", fmt::format("test {}", launch.metric), "validation", "epochs", "rows trained", "warm-up left out"},
      learning_row, measured));
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

void add_benches(Document& page, const std::vector<LinkBench>& benches) {
  if (benches.empty()) return;
  page.heading("Links, by commbench");
  std::vector<std::string> lines;
  for (const LinkBench& bench : benches)
    for (std::string& sentence : bench_sentences(bench, bench_name(bench, benches.size())))
      lines.push_back(std::move(sentence));
  page.items(lines);
}

}  // namespace

Document summary_document(const Analysis& analysis) {
  Document page;
  std::size_t groups = 0;
  for (const Workload& workload : analysis.workloads) groups += workload.groups.size();
  page.title(fmt::format("{} runs of {} configurations", analysis.runs.launches.size(), groups));
  if (!analysis.runs.launches.empty()) page.heading("Verdict");
  for (const std::string& sentence : verdict(analysis)) page.text(sentence);
  for (const WorkloadSummary& workload : analysis.summaries) add_workload(page, workload, analysis);
  add_benches(page, analysis.runs.benches);
  if (const std::vector<std::string> lines = finding_lines(analysis); !lines.empty()) {
    page.heading("Refusals and warnings");
    page.items(lines);
  }
  return page;
}

}  // namespace lockstep
