// Pictures of where the time of a step goes.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "analysis/checks/rules.hpp"
#include "analysis/metrics/bandwidth.hpp"
#include "analysis/plot/pictures.hpp"
#include "analysis/quantities/numbers.hpp"

namespace lockstep {

namespace {

using Q = Quantity;

struct PhaseLook {
  Quantity phase;
  const char* name;
  Colour colour;
};
// Adjacent phases have colours that also differ in brightness.
constexpr std::array kPhases = {PhaseLook{Q::data, "data", kYellow},
                                PhaseLook{Q::h2d, "copy to device", kOrange},
                                PhaseLook{Q::forward, "forward", kSky},
                                PhaseLook{Q::backward, "backward", kBlue},
                                PhaseLook{Q::bubble, "bubble", kPurple},
                                PhaseLook{Q::comm_exposed, "exposed communication", kVermillion},
                                PhaseLook{Q::optimizer, "optimizer", kGreen},
                                PhaseLook{Q::other, "other", kDarkGrey}};

Figure with_lanes(Panel panel, std::size_t lanes) {
  Figure figure;
  const auto empty = [](const BoxSet& set) { return set.boxes.empty(); };
  if (std::all_of(panel.boxes.begin(), panel.boxes.end(), empty)) return figure;
  figure.panels.push_back(std::move(panel));
  figure.height = kFrameHeight + 20 + kLaneHeight * static_cast<int>(std::min<std::size_t>(lanes, 40));
  return figure;
}

// A bar of parts, end to end. values: one a set of boxes.
void stack(Panel& panel, std::size_t lane, const std::vector<double>& values) {
  double left = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!(values[i] > 0)) continue;
    panel.boxes[i].boxes.push_back(lane_box(lane, left, left + values[i]));
    left += values[i];
  }
}

bool closes(const GroupDetail& group) { return !refusal_of(group.summary->findings, Claim::budget); }

constexpr int kTimelineWidth = 940;
constexpr const char* kOpenBudget = "Left out, because their phases do not add up to the wall time: ";

// Names of the groups that fit, and a note that names the others.
std::vector<const GroupDetail*> with_closed_budget(const PictureInput& input, bool parallel_only,
                                                   std::string& note) {
  std::vector<const GroupDetail*> groups;
  std::string left_out;
  for (const GroupDetail& group : input.groups) {
    if (parallel_only && !is_parallel(group)) continue;
    if (closes(group))
      groups.push_back(&group);
    else
      left_out += (left_out.empty() ? "" : ", ") + group.summary->group->label;
  }
  if (!left_out.empty()) note = kOpenBudget + left_out + ".";
  return groups;
}

std::vector<std::string> labels(const std::vector<const GroupDetail*>& groups) {
  std::vector<std::string> names;
  for (const GroupDetail* group : groups) names.push_back(group->summary->group->label);
  return names;
}

std::vector<std::string> rank_names(std::size_t ranks) {
  std::vector<std::string> names;
  for (std::size_t r = 0; r < ranks; ++r) names.push_back(fmt::format("rank {}", r));
  return names;
}

BoxSet& set_named(Panel& panel, const std::string& name, Colour colour) {
  for (BoxSet& set : panel.boxes)
    if (set.name == name) return set;
  return panel.boxes.emplace_back(BoxSet{name, colour, {}});
}

// From the first rank of a collective to the one that it waited for, in the lower halves of their lanes,
// where the collective is drawn.
void add_wait(Panel& panel, const TimelineWait& wait) {
  const auto lower_half = [](std::int64_t rank) { return -0.67 - static_cast<double>(rank); };
  panel.arrows.push_back({1e3 * wait.begin, lower_half(wait.rank), 1e3 * wait.end, lower_half(wait.late_rank),
                          fmt::format("rank {} waits {} ms for rank {}", wait.rank,
                                      milliseconds(wait.end - wait.begin), wait.late_rank)});
}

// Buckets take turns, so that neighbours differ.
void add_event(Panel& panel, const TimelineSpan& span, Box box) {
  if (span.part >= 0) box.about = fmt::format("bucket {}, {} MB", span.part, number(span.bytes / 1e6));
  constexpr std::array kTurns = {kVermillion, kOrange, kPurple};
  if (span.part < 0) {
    set_named(panel, "other collective", kGrey).boxes.push_back(box);
    return;
  }
  const auto turn = static_cast<std::size_t>(span.part) % kTurns.size();
  const char* const names[] = {"bucket 0, 3, ...", "bucket 1, 4, ...", "bucket 2, 5, ..."};
  set_named(panel, names[turn], kTurns[turn]).boxes.push_back(box);
}

}  // namespace

Figure budget_figure(const PictureInput& input) {
  std::string note;
  const auto groups = with_closed_budget(input, false, note);
  Panel panel{.x = {.label = "ms of a step", .low = 0, .unit = "ms"}, .y = lane_axis(labels(groups))};
  for (const PhaseLook& look : kPhases) panel.boxes.push_back({look.name, look.colour, {}});
  for (std::size_t lane = 0; lane < groups.size(); ++lane) {
    const Quantities& step = groups[lane]->summary->steps.point;
    std::vector<double> parts;
    for (const PhaseLook& look : kPhases) parts.push_back(1e3 * step[look.phase]);
    stack(panel, lane, parts);
    panel.words.push_back(
        {1e3 * step[Q::wall], -0.5 - static_cast<double>(lane), milliseconds(step[Q::wall]) + " ms"});
    panel.x.high = std::max(panel.x.high.value_or(0), 1.15e3 * step[Q::wall]);
  }
  Figure figure = with_lanes(std::move(panel), groups.size());
  figure.note = note;
  return figure;
}

Figure communication_figure(const PictureInput& input) {
  std::string note;
  const auto groups = with_closed_budget(input, true, note);
  Panel panel{.x = {.label = "ms of a step", .low = 0, .unit = "ms"}, .y = lane_axis(labels(groups))};
  panel.boxes = {{"exposed", kVermillion, {}}, {"overlapped", kSky, {}}};
  for (std::size_t lane = 0; lane < groups.size(); ++lane) {
    const Quantities& step = groups[lane]->summary->steps.point;
    const double exposed = std::min(step[Q::comm_exposed], step[Q::comm]);
    stack(panel, lane, {1e3 * exposed, 1e3 * (step[Q::comm] - exposed)});
  }
  Figure figure = with_lanes(std::move(panel), groups.size());
  figure.note = note;
  return figure;
}

Figure imbalance_figure(const PictureInput&, const GroupDetail& group) {
  const RunDetail* run = group.typical();
  if (!run || !is_parallel(group)) return {};
  const std::vector<Quantities>& ranks = run->launch->rank_steps;
  const std::size_t shown = std::min<std::size_t>(ranks.size(), 64);
  Panel panel{.x = {.label = "ms of a step", .low = 0, .unit = "ms"}, .y = lane_axis(rank_names(shown))};
  panel.boxes = {{"data", kYellow, {}},
                 {"compute", kBlue, {}},
                 {"exposed communication", kVermillion, {}},
                 {"rest", kDarkGrey, {}}};
  for (std::size_t r = 0; r < shown; ++r) {
    const Quantities& t = ranks[r];
    const double rest = t[Q::wall] - t[Q::data] - t.compute() - t[Q::comm_exposed];
    stack(panel, r, {1e3 * t[Q::data], 1e3 * t.compute(), 1e3 * t[Q::comm_exposed], 1e3 * rest});
  }
  Figure figure = with_lanes(std::move(panel), shown);
  if (shown < ranks.size()) figure.note = fmt::format("The first {} of {} ranks.", shown, ranks.size());
  return figure;
}

Figure timeline_figure(const PictureInput&, const GroupDetail& group) {
  const RunDetail* run = group.typical();
  if (!run || !is_parallel(group) || run->median_step.empty()) return {};
  std::size_t ranks = 0;
  for (const TimelineSpan& span : run->median_step)
    ranks = std::max(ranks, static_cast<std::size_t>(span.rank) + 1);
  Panel panel{.x = {.label = "ms since the first rank began the step", .unit = "ms"},
              .y = lane_axis(rank_names(ranks))};
  for (const TimelineSpan& span : run->median_step) {
    const auto lane = static_cast<std::size_t>(span.rank);
    Box box = lane_box(lane, 1e3 * span.begin, 1e3 * span.end);
    const double middle = (box.bottom + box.top) / 2;
    if (span.phase == Q::comm) {
      box.top = middle;
      add_event(panel, span, box);
      continue;
    }
    box.bottom = middle;
    const auto look = std::find_if(kPhases.begin(), kPhases.end(),
                                   [&](const PhaseLook& p) { return p.phase == span.phase; });
    const bool waits = span.phase == Q::comm_exposed;
    set_named(panel, waits ? "exposed, waiting" : look->name, waits ? kLightGrey : look->colour)
        .boxes.push_back(box);
  }
  for (const TimelineWait& wait : run->waits) add_wait(panel, wait);
  Figure figure = with_lanes(std::move(panel), ranks + ranks / 2);
  figure.zoomable = true;
  figure.width = kTimelineWidth;
  figure.note = fmt::format("Step {} of run {}.", run->median_step_number, run->launch->header.uuid);
  if (static_cast<std::int64_t>(ranks) < run->launch->ranks)
    figure.note += fmt::format(" The first {} of {} ranks.", ranks, run->launch->ranks);
  return figure;
}

Figure pipeline_figure(const PictureInput&, const GroupDetail& group) {
  constexpr std::size_t kNumbered = 96;  // passes that have room for the number of their micro-batch
  const RunDetail* run = group.typical();
  if (!run || run->passes.empty()) return {};
  std::size_t ranks = 0;
  for (const TimelineSpan& span : run->passes)
    ranks = std::max(ranks, static_cast<std::size_t>(span.rank) + 1);
  Panel panel{.x = {.label = "ms since the first rank began the step", .unit = "ms"},
              .y = lane_axis(rank_names(ranks))};
  panel.boxes = {{"forward", kSky, {}}, {"backward", kBlue, {}}};
  for (const TimelineSpan& span : run->passes) {
    const bool forward = span.phase == Q::forward;
    Box box = lane_box(static_cast<std::size_t>(span.rank), 1e3 * span.begin, 1e3 * span.end);
    box.about = fmt::format("micro-batch {}", span.part);
    panel.boxes[forward ? 0 : 1].boxes.push_back(box);
    if (run->passes.size() <= kNumbered)
      panel.words.push_back({(box.left + box.right) / 2, (box.bottom + box.top) / 2,
                             std::to_string(span.part), Words::Place::centred,
                             forward ? Colour{0x1a1a1a} : Colour{0xffffff}});
  }
  Figure figure = with_lanes(std::move(panel), ranks);
  figure.zoomable = true;
  figure.width = kTimelineWidth;
  figure.note = fmt::format("Step {} of run {}.", run->median_step_number, run->launch->header.uuid);
  return figure;
}

// What commbench has measured for these groups, each once.
std::vector<const LinkBench*> benches_of(const PictureInput& input) {
  std::vector<const LinkBench*> found;
  for (const GroupDetail& group : input.groups) {
    const LinkBench* bench = bench_of(group.summary->group->any(), input.analysis.runs.benches);
    if (bench && std::find(found.begin(), found.end(), bench) == found.end()) found.push_back(bench);
  }
  return found;
}

Figure bandwidth_figure(const PictureInput& input) {
  Panel panel{.x = {.label = "bytes of a message", .logarithmic = true, .format = "%.0s%c"},
              .y = {.label = "bus bandwidth, GB/s", .logarithmic = true}};
  for (std::size_t i = 0; i < input.groups.size(); ++i) {
    const RunDetail* run = input.groups[i].typical();
    if (!run || !is_parallel(input.groups[i]) || run->launch->reductions.empty()) continue;
    Curve curve{input.groups[i].summary->group->label, i, {}};
    const Launch& launch = *run->launch;
    for (const MessageTime& m : launch.reductions)
      curve.points.push_back(
          {m.bytes,
           bus_bandwidth(launch.reduced_by, algorithm_bandwidth(m.bytes, m.seconds), launch.ranks) / 1e9});
    panel.curves.push_back(std::move(curve));
  }
  for (const LinkBench* bench : benches_of(input)) {
    Curve curve{fmt::format("commbench x{}", bench->ranks), input.groups.size() + panel.curves.size(), {}};
    for (const BenchRow& row : bench->rows)
      if (row.collective == "all_reduce" && row.bus_bandwidth > 0)
        curve.points.push_back({static_cast<double>(row.bytes), row.bus_bandwidth / 1e9});
    panel.curves.push_back(std::move(curve));
  }
  Figure figure;
  if (!panel.curves.empty()) figure.panels.push_back(std::move(panel));
  return figure;
}

}  // namespace lockstep
