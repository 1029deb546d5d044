#include <fmt/format.h>

#include <charconv>

#include "analysis/metrics/pipeline.hpp"
#include "analysis/tables/group_table.hpp"
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

struct Pipeline {
  std::string schedule;
  std::int64_t stages, micro_batches, chunks;
};

Pipeline pipeline_of(const Launch& launch) {
  return {launch.setting("parallel.schedule"), integer_setting(launch, "parallel.stages", launch.ranks),
          integer_setting(launch, "parallel.micro_batches", 1),
          integer_setting(launch, "parallel.chunks", 1)};
}

// get: of the pipeline and the launch.
template <typename Get>
GroupColumn column(const char* key, const char* unit, const char* header, double factor, Get get) {
  return {{key, unit, header, factor}, [get](const WorkloadSummary&, const GroupSummary& s) {
            return Cell(get(pipeline_of(s.group->any()), s.group->any()));
          }};
}

Cell ideal(const Pipeline& p, const Launch&) {
  return cell(ideal_bubble(p.schedule, p.stages, p.micro_batches, p.chunks));
}

Cell bound(const Pipeline& p, const Launch& launch) {
  return p.schedule == "layerwise" ? Cell() : cell(bound_of(launch, p.stages, p.micro_batches));
}

}  // namespace

Page pipeline_page(const Analysis& analysis, const PageOptions&) {
  Page page{"Pipelines: " + size_of(analysis), {}, {}, {}};
  const GroupColumn measured{
      {"bubble", "1", "measured", 100}, [](const WorkloadSummary&, const GroupSummary& s) {
        return Cell(estimate(s.steps, [](const Quantities& q) { return q[Q::bubble] / q[Q::wall]; }));
      }};
  const auto groups =
      groups_of(analysis, [](const GroupSummary& s) { return s.measured() && is_pipeline(s); });
  Table table = group_table(
      "pipeline", "Bubbles, in % of a step", groups,
      {column("schedule", "", "schedule", 1, [](const Pipeline& p, const Launch&) { return p.schedule; }),
       column("stages", "1", "stages", 1, [](const Pipeline& p, const Launch&) { return p.stages; }),
       column("micro_batches", "1", "micro-batches", 1,
              [](const Pipeline& p, const Launch&) { return p.micro_batches; }),
       measured, column("bubble_ideal", "1", "equal stages", 100, ideal),
       column("bubble_bound", "1", "these stages", 100, bound)},
      unless_refused(Claim::budget, "", 3));
  if (table.rows.empty()) {
    page.lead.emplace_back("No run is a pipeline: none has stages or records a bubble.");
    return page;
  }
  page.tables.push_back(std::move(table));
  page.notes = {
      "equal stages: the bubble of the schedule if all stages took equal time.",
      "these stages: the bubble of any schedule with the measured times of the stages, T >= (m-1) max t + "
      "sum t; where a rank has one chunk of the model."};
  return page;
}

}  // namespace lockstep
