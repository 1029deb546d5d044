#include <fmt/format.h>

#include <charconv>

#include "analysis/metrics/pipeline.hpp"
#include "analysis/tables/page_parts.hpp"
#include "analysis/tables/pages.hpp"

namespace lockstep {

namespace {

using Q = Quantity;

std::int64_t integer_setting(const Launch& launch, const std::string& key, std::int64_t otherwise) {
  const std::string text = launch.setting(key);
  std::int64_t value = otherwise;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

bool is_pipeline(const GroupSummary& group) {
  return group.steps.point[Q::bubble] > 0 || integer_setting(group.group->any(), "parallel.stages", 1) > 1;
}

// The bubble of the fastest schedule that stages of these times allow. Without passes of stages in the file,
// from the ranks, where each is one stage.
std::optional<double> bound_of(const Launch& launch, std::int64_t stages, std::int64_t micro_batches) {
  if (micro_batches < 1) return {};
  const double m = static_cast<double>(micro_batches);
  std::vector<double> times = launch.stage_seconds, busy;
  if (times.empty() && launch.ranks == stages)
    for (const Quantities& rank : launch.rank_steps)
      times.push_back((rank[Q::forward] + rank[Q::backward]) / m);
  if (std::ssize(times) != stages) return {};  // not known, or several chunks a stage
  for (const double seconds : times) busy.push_back(seconds * m);
  return measured_bubble(busy, pipeline_bound(times, micro_batches));
}

std::vector<Cell> row_of(const Analysis& analysis, const WorkloadSummary& workload,
                         const GroupSummary& group) {
  const Launch& launch = group.group->any();
  const std::int64_t stages = integer_setting(launch, "parallel.stages", launch.ranks);
  const std::int64_t micro_batches = integer_setting(launch, "parallel.micro_batches", 1);
  const std::string schedule = launch.setting("parallel.schedule");
  std::vector<Cell> row = {subject(analysis, workload, group.group->label), schedule, stages, micro_batches};
  if (const auto no = refused(group, Claim::budget)) return row.push_back(*no), row;
  row.emplace_back(estimate(group.steps, [](const Quantities& q) { return q[Q::bubble] / q[Q::wall]; }));
  row.push_back(
      cell(ideal_bubble(schedule, stages, micro_batches, integer_setting(launch, "parallel.chunks", 1))));
  row.push_back(schedule == "layerwise" ? Cell() : cell(bound_of(launch, stages, micro_batches)));
  return row;
}

}  // namespace

Page pipeline_page(const Analysis& analysis, const PageOptions&) {
  Page page{"Pipelines: " + size_of(analysis), {}, {}, {}};
  Sheet sheet{"pipeline",
              "Bubbles, in % of a step",
              {{"group", "", ""},
               {"schedule", "", "schedule"},
               {"stages", "1", "stages"},
               {"micro_batches", "1", "micro-batches"},
               {"bubble", "1", "measured", 100},
               {"bubble_ideal", "1", "equal stages", 100},
               {"bubble_bound", "1", "these stages", 100}},
              {}};
  visit_measured(analysis, [&](const WorkloadSummary& workload, const GroupSummary& group) {
    if (is_pipeline(group)) sheet.rows.push_back(row_of(analysis, workload, group));
  });
  if (sheet.rows.empty()) {
    page.lead.emplace_back("No run is a pipeline: none has stages or records a bubble.");
    return page;
  }
  page.sheets.push_back(std::move(sheet));
  page.notes = {
      "equal stages: the bubble of the schedule if all stages took equal time.",
      "these stages: the bubble of any schedule with the measured times of the stages, T >= (m-1) max t + "
      "sum t; where a rank has one chunk of the model."};
  return page;
}

}  // namespace lockstep
