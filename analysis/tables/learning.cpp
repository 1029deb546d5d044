#include "analysis/model/convergence.hpp"

#include <fmt/format.h>

#include "analysis/tables/group_table.hpp"
#include "analysis/tables/pages.hpp"

namespace lockstep {

namespace {

std::vector<Cell> row_of(const Analysis& analysis, const WorkloadSummary& workload, const TargetTime& time) {
  const auto launches = std::ssize(time.group->group->launches);
  std::vector<Cell> row = {subject(analysis, workload, time.group->group->label), time.target,
                           fmt::format("{} of {}", time.reached, launches)};
  if (!time.seconds) return row.push_back(Refused{"", "half of the launches or more never reach it"}), row;
  row.insert(row.end(),
             {*time.seconds, *time.samples, cell(time.speedup), cell(time.statistical_efficiency)});
  return row;
}

Table curves_table(const Analysis& analysis) {
  Table table{"curve",
              "Validation metric after each epoch, median over launches",
              {{"group", "", ""},
               {"epoch", "1", "epoch"},
               {"seconds", "s", "training s"},
               {"samples", "1", "samples"},
               {"metric", "1", "metric"}},
              {}};
  for (const auto& [name, workload, group] : groups_of(analysis)) {
    for (std::size_t e = 0; group->group->any().trained_whole() && e < group->group->any().curve.size();
         ++e) {
      std::vector<double> seconds, samples, metrics;
      for (const Launch* launch : group->group->launches) {
        if (e >= launch->curve.size()) continue;
        seconds.push_back(launch->curve[e].seconds);
        samples.push_back(launch->curve[e].samples);
        metrics.push_back(launch->curve[e].metric);
      }
      table.rows.push_back(
          {name, static_cast<std::int64_t>(e), median(seconds), median(samples), median(metrics)});
    }
  }
  return table;
}

}  // namespace

Page convergence_page(const Analysis& analysis, const PageOptions&) {
  Page page{"Convergence: " + size_of(analysis), {}, {}, {}};
  Table table{"targets",
              "Time to accuracy (validation), without evaluation",
              {{"group", "", ""},
               {"target", "1", "target"},
               {"reached", "", "reached"},
               {"seconds", "s", "training s"},
               {"samples", "1", "samples"},
               {"speedup", "1", "S of it"},
               {"statistical_efficiency", "1", "stat. effic."}},
              {}};
  for (const WorkloadSummary& workload : analysis.summaries) {
    const Convergence convergence = convergence_of(workload, analysis.baseline);
    for (const TargetTime& time : convergence.times) table.rows.push_back(row_of(analysis, workload, time));
    if (convergence.targets.empty())
      page.notes.push_back(subject(analysis, workload, "no run has a validation metric") + ".");
    else if (!convergence.given)
      page.notes.push_back(subject(analysis, workload,
                                   "training.target names no target; used instead: 95 % of the way to the "
                                   "best") +
                           ".");
  }
  page.tables.push_back(std::move(table));
  page.tables.push_back(curves_table(analysis));
  page.notes.emplace_back("A launch that never reaches the target counts as later than all others.");
  page.notes.emplace_back(
      "Statistical efficiency: the baseline's samples to the target divided by those here; S is about the "
      "throughput's speedup times it.");
  page.notes.emplace_back(
      "Gradient noise scale: not available, because the files have no norms of local "
      "gradients.");
  return page;
}

}  // namespace lockstep
