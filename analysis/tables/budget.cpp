#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <sstream>

#include "analysis/metrics/counters.hpp"
#include "analysis/model/lost.hpp"
#include "analysis/model/slow_passes.hpp"
#include "analysis/tables/group_table.hpp"
#include "analysis/tables/pages.hpp"

namespace lockstep {

namespace {

Table steps_table(const Analysis& analysis) {
  std::vector<GroupColumn> columns = {metric_as("wall", metric("budget_wall", "wall", 1000))};
  for (std::size_t part = 0; part < kBudgetParts; ++part) {
    const std::string name = kBudgetColumns[part].name;
    columns.push_back(metric_as(name, metric("budget_" + name, name, 1000)));
  }
  columns.push_back(metric("other_share", "other %", 100));
  return group_table("budget", "Mean step in ms, mean over ranks", groups_of(analysis), columns,
                     unless_refused(Claim::budget));
}

std::vector<Cell> lost_row(const Analysis& analysis, const NamedGroup& named) {
  const GroupSummary& group = *named.summary;
  std::vector<Cell> row = {named.name};
  const Comparison& c = analysis.comparison(group);
  if (!c.baseline) return row.push_back(Refused{"", "no run to compare with"}), row;
  row.emplace_back(c.baseline->label);
  if (const Finding* finding = c.refused()) return row.push_back(refused_by(*finding)), row;
  const GroupSummary& base = *summary_of(*named.workload, c.baseline);
  for (const GroupSummary* side : {&group, &base})
    if (const Finding* finding = refusal_of(side->findings, Claim::budget))
      return row.push_back(refused_by(*finding)), row;
  const Lost lost = *lost_by(group, base);
  row.emplace_back(lost.ideal);
  row.emplace_back(lost.time.total);
  for (const LostTime::Part& part : lost.time.parts) row.emplace_back(part.seconds);
  return row;
}

Table lost_table(const Analysis& analysis) {
  Table table{"lost",
              "Time lost against the ideal step, in ms",
              {{"group", "", ""},
               {"baseline", "", "vs"},
               {"ideal", "s", "ideal", 1000},
               {"lost", "s", "lost", 1000}}};
  for (const auto& [name, part] : kNames<LossPart>)
    table.columns.push_back({.key = name, .unit = "s", .header = name, .factor = 1000, .definition = "-"});
  for (const NamedGroup& group : groups_of(analysis, is_parallel))
    table.rows.push_back(lost_row(analysis, group));
  return table;
}

using Kind = SlowPasses::Cause::Kind;
constexpr std::pair<Kind, const char*> kCauses[] = {
    {Kind::smaller_batch, "smaller_batch"},   {Kind::communication, "beside_comm"},
    {Kind::more_threads, "too_many_threads"}, {Kind::slower_clock, "lower_clock"},
    {Kind::instructions, "instructions"},     {Kind::per_cycle, "per_cycle"},
    {Kind::frequency, "frequency"},           {Kind::kernel, "kernel"},
    {Kind::waiting, "waiting_for_core"},      {Kind::shared_memory, "shared"},
    {Kind::unexplained, "unexplained"}};

std::vector<Cell> passes_row(const std::string& name, const SlowPasses& passes) {
  std::vector<Cell> row = {name, passes.seconds};
  for (const auto& [kind, key] : kCauses) {
    const auto found = std::find_if(passes.causes.begin(), passes.causes.end(),
                                    [kind = kind](const auto& cause) { return cause.kind == kind; });
    row.push_back(found == passes.causes.end() ? Cell() : Cell(found->seconds));
  }
  return row;
}

// Of the compute threads; a dash where a counter is not known.
Table counters_table(const Analysis& analysis) {
  Table table{"counters",
              "Processor time of the compute threads of a rank in a step, and what the hardware counted",
              {{"group", "", ""},
               {"user_seconds", "s", "user ms", 1000},
               {"kernel_seconds", "s", "kernel ms", 1000},
               {"waiting_for_core", "s", "waiting for a core ms", 1000},
               {"preemptions", "1", "preemptions"},
               {"page_faults", "1", "page faults"},
               {"instructions_per_sample", "1", "million instr./sample", 1e-6},
               {"instructions_per_cycle", "1", "instr./cycle"},
               {"frequency", "Hz", "GHz", 1e-9}},
              {}};
  for (const auto& [name, workload, group] : groups_of(analysis)) {
    const auto counts = counts_of(*group);
    if (!counts) continue;
    std::vector<Cell>& row = table.rows.emplace_back(std::vector<Cell>{name});
    for (const double value :
         {counts->user_seconds, counts->system_seconds, counts->waiting_seconds, counts->preemptions,
          counts->page_faults, counts->instructions / group->samples_per_rank(),
          instructions_per_cycle(*counts), frequency(*counts)})
      row.push_back(std::isfinite(value) ? Cell(value) : Cell());
  }
  return table;
}

// What is not counted, once for all groups that lack the same.
void add_counters(Page& page, const Analysis& analysis) {
  Table table = counters_table(analysis);
  if (table.rows.empty()) return;
  page.tables.push_back(std::move(table));
  std::set<std::string> said;
  for (const auto& [name, workload, group] : groups_of(analysis)) {
    std::istringstream lines(group->group->any().counts_absent);
    for (std::string line; std::getline(lines, line);)
      if (said.insert(line).second) page.notes.push_back(fmt::format("{}: {}.", name, line));
  }
}

// Equal for all launches of a group, but for the peak.
Table memory_table(const Analysis& analysis) {
  Table table{"memory",
              "Memory of the rank that holds the most of the model, in MB",
              {{"group", "", ""},
               {"memory_parameters", "B", "parameters", 1e-6},
               {"memory_gradients", "B", "gradients", 1e-6},
               {"memory_optimizer", "B", "optimizer", 1e-6},
               {"memory_model", "B", "together", 1e-6},
               {"peak_memory", "B", "peak of a process", 1e-6}},
              {}};
  for (const auto& [name, workload, group] : groups_of(analysis)) {
    const Launch& launch = group->group->any();
    if (launch.memory.total() <= 0) continue;
    const ModelMemory& m = launch.memory;
    table.rows.push_back({name, m.parameters, m.gradients, m.optimizer, m.total(),
                          launch.peak_memory > 0 ? Cell(launch.peak_memory) : Cell()});
  }
  return table;
}

void add_slow_passes(Page& page, const Analysis& analysis) {
  Table table{"passes",
              "Time of forward and backward beyond their share of the baseline's, by cause, in ms",
              {{"group", "", ""}, {"longer", "s", "longer", 1000}}};
  for (const auto& [kind, key] : kCauses)
    table.columns.push_back({.key = key, .unit = "s", .header = key, .factor = 1000, .definition = "-"});
  for (const auto& [name, workload, group] : groups_of(analysis, is_parallel)) {
    const Comparison& c = analysis.comparison(*group);
    if (!c.baseline || c.refused()) continue;
    const auto slow = slow_passes(*workload, *group, *summary_of(*workload, c.baseline));
    if (!slow) continue;
    table.rows.push_back(passes_row(name, *slow));
    page.notes.push_back(fmt::format("{}: {}", name, words_for(*slow)));
  }
  if (!table.rows.empty()) page.tables.push_back(std::move(table));
}

}  // namespace

Page budget_page(const Analysis& analysis, const PageOptions&) {
  Page page{"Time budget: " + size_of(analysis), {}, {steps_table(analysis)}, {}};
  if (Table lost = lost_table(analysis); !lost.rows.empty()) {
    page.tables.push_back(std::move(lost));
    page.notes = {"The ideal step is the baseline's, divided by the ranks under strong scaling.",
                  "Parts below 0 take less than their share of the baseline's.",
                  "Transfer is the time by which the step would be shorter without it (replayed); the rest "
                  "of the exposed communication is waiting."};
    add_slow_passes(page, analysis);
  }
  add_counters(page, analysis);
  if (Table memory = memory_table(analysis); !memory.rows.empty()) page.tables.push_back(std::move(memory));
  return page;
}

}  // namespace lockstep
