#include <fmt/format.h>

#include "analysis/model/ablation.hpp"
#include "analysis/quantities/numbers.hpp"
#include "analysis/tables/page_parts.hpp"
#include "analysis/tables/pages.hpp"

namespace lockstep {

namespace {

using Q = Quantity;

// Only groups that communicate.
template <typename Visit>
void visit_communicating(const Analysis& analysis, Visit visit) {
  visit_measured(analysis, [&](const WorkloadSummary& workload, const GroupSummary& group) {
    if (group.group->any().ranks > 1) visit(workload, group);
  });
}

Sheet groups_sheet(const Analysis& analysis) {
  Sheet sheet{"overlap",
              "Communication of a mean step, mean over ranks",
              {{"group", "", ""},
               {"comm", "s", "total ms", 1000},
               {"comm_overlapped", "s", "hidden ms", 1000},
               {"comm_exposed", "s", "exposed ms", 1000},
               {"overlap_ratio", "1", "hidden %", 100},
               {"transfer", "s", "transfer ms", 1000},
               {"wait", "s", "waiting ms", 1000},
               {"link_latency", "s", "latency us", 1e6},
               {"link_bandwidth", "B/s", "link GB/s", 1e-9}},
              {}};
  visit_communicating(analysis, [&](const WorkloadSummary& workload, const GroupSummary& group) {
    std::vector<Cell>& row = sheet.rows.emplace_back();
    row.emplace_back(subject(analysis, workload, group.group->label));
    if (const auto no = refused(group, Claim::budget)) return row.push_back(*no);
    const auto mean = [&](auto metric) { return Cell(estimate(group.steps, metric)); };
    row.push_back(mean([](const Quantities& q) { return q[Q::comm]; }));
    row.push_back(mean([](const Quantities& q) { return q[Q::comm] - q[Q::comm_exposed]; }));
    row.push_back(mean([](const Quantities& q) { return q[Q::comm_exposed]; }));
    row.push_back(cell(group.overlap_share));
    const bool events = group.budget[Q::transfer] > 0;
    row.push_back(events ? mean([](const Quantities& q) { return q[Q::transfer]; }) : Cell());
    row.push_back(events ? mean([](const Quantities& q) { return q[Q::wait]; }) : Cell());
    const auto& link = group.parallel.link;
    row.push_back(link ? Cell(link->latency) : Cell());
    row.push_back(link ? Cell(link->bandwidth) : Cell());
  });
  return sheet;
}

Sheet waiting_sheet(const Analysis& analysis) {
  Sheet sheet{"waiting",
              "Whom the ranks wait for",
              {{"group", "", ""},
               {"rank", "1", "rank"},
               {"share", "1", "% of waiting", 100},
               {"kind", "", "the late rank"},
               {"phase", "", "differs in"},
               {"seconds", "s", "its ms", 1000},
               {"others", "s", "others' ms", 1000}},
              {}};
  visit_communicating(analysis, [&](const WorkloadSummary& workload, const GroupSummary& group) {
    if (!group.parallel.late) return;
    const LateRank& late = *group.parallel.late;
    sheet.rows.push_back({subject(analysis, workload, group.group->label),
                          static_cast<std::int64_t>(late.lateness.rank), late.lateness.share,
                          std::string(words_for(late.lateness.kind)), late.phase, late.seconds, late.others});
  });
  return sheet;
}

Sheet buckets_sheet(const Analysis& analysis) {
  Sheet sheet{"buckets",
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
  visit_communicating(analysis, [&](const WorkloadSummary& workload, const GroupSummary& group) {
    for (const BucketTimes& b : group.parallel.buckets)
      sheet.rows.push_back({subject(analysis, workload, group.group->label), std::int64_t{b.bucket}, b.bytes,
                            b.ready, b.start, b.end, b.transfer, b.wait, b.exposed});
  });
  return sheet;
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

Sheet ablation_sheet(const Analysis& analysis) {
  Sheet sheet{"ablation",
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
      sheet.rows.push_back({subject(analysis, workload, c.whole->group->label), c.whole->step_seconds,
                            c.no_comm ? Cell(c.no_comm->step_seconds) : Cell(),
                            estimate(c.whole->steps, [](const Quantities& q) { return q[Q::comm_exposed]; }),
                            cell(c.exposed_by_ablation),
                            c.no_comm ? Cell(std::string(word_for(c.trust))) : Cell(),
                            cell(c.compute_slowdown), cell(c.comm_alone), cell(c.comm_slowdown)});
  return sheet;
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
  visit_communicating(analysis, [&](const WorkloadSummary& workload, const GroupSummary& group) {
    if (group.group->any().ablation() == "no_comm") return;
    const std::string name = subject(analysis, workload, group.group->label);
    if (group.unmatched_collectives > 0)
      notes.push_back(fmt::format("{}: {} collectives that not every rank recorded are left out.", name,
                                  group.unmatched_collectives));
    if (refused(group, Claim::budget) || group.parallel.link) return;
    notes.push_back(
        group.parallel.buckets.empty()
            ? fmt::format("{}: the files have no events of gradient buckets.", name)
            : fmt::format("{}: no link can be fitted, the all-reduces are all of about one size.", name));
  });
  return notes;
}

}  // namespace

Page overlap_page(const Analysis& analysis, const PageOptions&) {
  Page page{"Communication and overlap: " + size_of(analysis), {}, {}, absences(analysis)};
  Sheet buckets = buckets_sheet(analysis);
  const bool has_buckets = !buckets.rows.empty();
  for (Sheet sheet :
       {groups_sheet(analysis), ablation_sheet(analysis), waiting_sheet(analysis), std::move(buckets)})
    if (!sheet.rows.empty()) page.sheets.push_back(std::move(sheet));
  for (std::string& note : ablation_notes(analysis)) page.notes.push_back(std::move(note));
  if (page.sheets.empty()) page.lead.emplace_back("No run communicates: all have one rank.");
  if (has_buckets)
    page.notes.emplace_back(
        "Exposed time of a bucket: what of it lies after the end of compute, which is reckoned from how much "
        "of the "
        "step's communication is exposed.");
  return page;
}

}  // namespace lockstep
