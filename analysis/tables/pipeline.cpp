#include <fmt/format.h>

#include "analysis/metrics/pipeline.hpp"
#include "analysis/tables/group_table.hpp"
#include "analysis/tables/pages.hpp"
#include "base/pipeline_schedule.hpp"

namespace lockstep {

namespace {

using Q = Quantity;

// A parameter server has two sides that wait for each other, and no stages.
bool is_pipeline(const GroupSummary& group) {
  const Launch& launch = group.group->any();
  if (launch.mode() == Mode::parameter_server) return false;
  return group.steps.point[Q::bubble] > 0 || launch.setting_or<std::int64_t>("parallel.stages", 1) > 1;
}

// Of the time from the first pass of a step to the last: loading and the optimizer are not part of a
// schedule.
double in_pipeline(const Quantities& q) { return q.passes() + q[Q::bubble] + q[Q::comm_exposed]; }

template <typename Metric>
GroupColumn measured(const char* key, const char* header, Metric metric) {
  return {{key, "1", header, 100}, [metric](const WorkloadSummary&, const GroupSummary& s) {
            return Cell(estimate(s.steps, metric));
          }};
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

struct Pipeline {
  std::optional<PipelineSchedule> schedule;  // nothing: not one that is known here
  std::int64_t stages, micro_batches, chunks;
};

Pipeline pipeline_of(const Launch& launch) {
  return {named<PipelineSchedule>(launch.setting("parallel.schedule")),
          launch.setting_or("parallel.stages", launch.ranks),
          launch.setting_or<std::int64_t>("parallel.micro_batches", 1),
          launch.setting_or<std::int64_t>("parallel.chunks", 1)};
}

// get: of the pipeline and the launch.
template <typename Get>
GroupColumn column(const char* key, const char* unit, const char* header, double factor, Get get) {
  return {{key, unit, header, factor}, [get](const WorkloadSummary&, const GroupSummary& s) {
            return Cell(get(pipeline_of(s.group->any()), s.group->any()));
          }};
}

Cell ideal(const Pipeline& p, const Launch&) {
  if (!p.schedule) return {};
  return cell(ideal_bubble(*p.schedule, p.stages, p.micro_batches, p.chunks));
}

std::optional<double> bound(const Pipeline& p, const Launch& launch) {
  if (p.schedule == PipelineSchedule::layerwise)
    return ideal_bubble(*p.schedule, p.stages, 1);  // one stage works at a time, however long each takes
  return bound_of(launch, p.stages, p.micro_batches);
}

// The mean over the launches, as what was measured is.
Cell mean_bound(const WorkloadSummary&, const GroupSummary& group) {
  double sum = 0;
  for (const Launch* launch : group.group->launches) {
    const auto one = bound(pipeline_of(*launch), *launch);
    if (!one) return {};
    sum += *one;
  }
  return sum / static_cast<double>(group.group->launches.size());
}

}  // namespace

Page pipeline_page(const Analysis& analysis, const PageOptions&) {
  Page page{"Pipelines: " + size_of(analysis), {}, {}, {}};
  const auto groups =
      groups_of(analysis, [](const GroupSummary& s) { return s.measured() && is_pipeline(s); });
  Table table = group_table(
      "pipeline", "Bubbles, in % of the time of a step's passes", groups,
      {column("schedule", "", "schedule", 1,
              [](const Pipeline&, const Launch& l) { return l.setting("parallel.schedule"); }),
       column("stages", "1", "stages", 1, [](const Pipeline& p, const Launch&) { return p.stages; }),
       column("micro_batches", "1", "micro-batches", 1,
              [](const Pipeline& p, const Launch&) { return p.micro_batches; }),
       measured("bubble", "measured", [](const Quantities& q) { return 1 - q.passes() / in_pipeline(q); }),
       measured("bubble_transfer", "of it transfer",
                [](const Quantities& q) { return q[Q::comm_exposed] / in_pipeline(q); }),
       column("bubble_ideal", "1", "equal stages", 100, ideal),
       {{"bubble_bound", "1", "these stages", 100}, mean_bound}},
      unless_refused(Claim::budget, "", 3));
  if (table.rows.empty()) {
    page.lead.emplace_back("No run is a pipeline: none has stages or a bubble.");
    return page;
  }
  page.tables.push_back(std::move(table));
  page.notes = {
      "measured: the share of the ranks' time between a step's first pass and its last in which they "
      "compute nothing; of it transfer: the part during which a message or a collective was in transit; the "
      "rest is idle.",
      "equal stages: the bubble of the schedule if all stages took equal time.",
      "these stages: the least bubble of any schedule with the measured times of the stages, T >= (m-1) max "
      "t + sum t; only if each rank has one chunk of the model."};
  return page;
}

}  // namespace lockstep
