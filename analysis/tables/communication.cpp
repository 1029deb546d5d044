#include <fmt/format.h>

#include "analysis/model/ablation.hpp"
#include "analysis/tables/group_table.hpp"
#include "analysis/tables/pages.hpp"
#include "analysis/tables/reductions.hpp"

namespace lockstep {

namespace {

using Q = Quantity;

template <typename Get>
GroupColumn mean(const char* key, const char* header, Get get) {
  return {{key, "s", header, 1000}, [get](const WorkloadSummary&, const GroupSummary& s) { return get(s); }};
}

template <typename Metric>
auto estimated(Metric metric) {
  return [metric](const GroupSummary& s) { return Cell(estimate(s.steps, metric)); };
}

// Only from events.
template <typename Metric>
auto from_events(Metric metric) {
  return [metric](const GroupSummary& s) {
    return s.steps.point[Q::transfer] > 0 ? Cell(estimate(s.steps, metric)) : Cell();
  };
}

Table overlap_table(const Analysis& analysis) {
  return group_table(
      "overlap", "Communication of a mean step, mean over ranks", groups_of(analysis, is_parallel),
      {mean("comm", "total ms", estimated([](const Quantities& q) { return q[Q::comm]; })),
       mean("comm_overlapped", "hidden ms",
            estimated([](const Quantities& q) { return q[Q::comm] - q[Q::comm_exposed]; })),
       mean("comm_exposed", "exposed ms", estimated([](const Quantities& q) { return q[Q::comm_exposed]; })),
       metric("overlap_ratio", "hidden %", 100),
       mean("transfer", "transfer ms", from_events([](const Quantities& q) { return q[Q::transfer]; })),
       mean("wait", "waiting ms", from_events([](const Quantities& q) { return q[Q::wait]; })),
       metric("link_latency", "latency us", 1e6), metric("link_bandwidth", "link GB/s", 1e-9)},
      unless_refused(Claim::budget));
}

Table waiting_table(const Analysis& analysis) {
  return group_table(
      "waiting", "Who causes the waiting",
      groups_of(analysis, [](const GroupSummary& s) { return is_parallel(s) && s.parallel.late; }),
      {metric_as("rank", metric("waited_for_rank", "rank")),
       metric_as("share", metric("waited_for_share", "% of waiting", 100)),
       metric_as("kind", metric("waited_for_kind", "the late rank")),
       metric_as("phase", metric("late_phase", "differs in")),
       metric_as("seconds", metric("late_phase_seconds", "its ms", 1000)),
       metric_as("others", metric("late_phase_seconds_others", "others' ms", 1000))});
}

Table buckets_table(const Analysis& analysis) {
  Table table{"buckets",
              "Gradient buckets in a mean step; times since the backward pass began",
              {{"group", "", ""},
               {"bucket", "1", "bucket"},
               {"bytes", "B", "MB", 1e-6},
               {"ready", "s", "ready ms", 1000},
               {"start", "s", "start ms", 1000},
               {"end", "s", "end ms", 1000},
               {"transfer", "s", "transfer ms", 1000},
               {"wait", "s", "waiting ms", 1000},
               {"exposed", "s", "exposed ms", 1000}},
              {}};
  for (const auto& [name, workload, group] : groups_of(analysis, is_parallel))
    for (const BucketTimes& b : group->parallel.buckets)
      table.rows.push_back({name, std::int64_t{b.bucket}, b.bytes, b.ready, b.start, b.end,
                            b.transfer > 0 ? Cell(b.transfer) : Cell(),
                            b.transfer > 0 ? Cell(b.wait) : Cell(),
                            group->group->any().rest_is_idle() ? Cell() : Cell(b.exposed)});
  return table;
}

const char* word_for(AblationComparison::Trust trust) {
  switch (trust) {
    case AblationComparison::Trust::events:
      return "events";
    case AblationComparison::Trust::ablation:
      return "ablation";
    case AblationComparison::Trust::both:
      break;
  }
  return "both";
}

Table ablation_table(const Analysis& analysis) {
  Table table{"ablation",
              "The same step without communication, and its communication alone",
              {{"group", "", ""},
               {"step_seconds", "s", "ms/step", 1000},
               {"step_seconds_no_comm", "s", "without comm ms", 1000},
               {"exposed_by_events", "s", "exposed ms, events", 1000},
               {"exposed_by_ablation", "s", "by ablation", 1000},
               {"trust", "", "trust"},
               {"compute_slowdown", "1", "compute slower %", 100},
               {"comm_alone", "s", "comm alone ms", 1000},
               {"comm_slowdown", "1", "comm slower %", 100}},
              {}};
  for (const WorkloadSummary& workload : analysis.summaries)
    for (const AblationComparison& c : ablations_of(workload))
      table.rows.push_back({subject(analysis, workload, c.whole->group->label), c.whole->step_seconds,
                            c.no_comm ? Cell(c.no_comm->step_seconds) : Cell(),
                            estimate(c.whole->steps, [](const Quantities& q) { return q[Q::comm_exposed]; }),
                            cell(c.exposed_by_ablation),
                            c.no_comm ? Cell(std::string(word_for(c.trust))) : Cell(),
                            cell(c.compute_slowdown), cell(c.comm_alone), cell(c.comm_slowdown)});
  return table;
}

std::vector<std::string> ablation_notes(const Analysis& analysis) {
  std::vector<std::string> notes;
  for (const WorkloadSummary& workload : analysis.summaries)
    for (const AblationComparison& c : ablations_of(workload))
      if (c.no_comm) notes.push_back(subject(analysis, workload, trust_sentence(c)));
  return notes;
}

std::vector<std::string> absences(const Analysis& analysis) {
  std::vector<std::string> notes;
  for (const auto& [name, workload, group] : groups_of(analysis, is_parallel)) {
    if (group->group->any().ablation() == "no_comm") continue;
    if (group->unmatched_collectives > 0)
      notes.push_back(fmt::format("{}: {} collectives that not every rank recorded are left out.", name,
                                  group->unmatched_collectives));
    if (refusal_of(group->findings, Claim::budget) || group->parallel.link) continue;
    notes.push_back(group->parallel.buckets.empty()
                        ? fmt::format("{}: the files have no events of gradient buckets.", name)
                        : fmt::format("{}: no link can be fitted, because all {} have about the same size.",
                                      name, group->group->any().reduction_words()));
  }
  return notes;
}

}  // namespace

Page overlap_page(const Analysis& analysis, const PageOptions&) {
  const std::vector<NamedGroup> parallel = groups_of(analysis, is_parallel);
  Page page{"Communication and overlap: " + size_of(analysis),
            reduction_sentences(parallel),
            {},
            absences(analysis)};
  Table buckets = buckets_table(analysis);
  const bool has_buckets = !buckets.rows.empty();
  for (Table table : {overlap_table(analysis), reductions_table(parallel), ablation_table(analysis),
                      waiting_table(analysis), std::move(buckets)})
    if (!table.rows.empty()) page.tables.push_back(std::move(table));
  for (std::string& note : ablation_notes(analysis)) page.notes.push_back(std::move(note));
  if (page.tables.empty()) page.lead.emplace_back("No run communicates: all have one rank.");
  if (has_buckets)
    page.notes.emplace_back(
        "Exposed time of a bucket: the part after the end of compute, estimated from how much of the step's "
        "communication is exposed.");
  return page;
}

}  // namespace lockstep
