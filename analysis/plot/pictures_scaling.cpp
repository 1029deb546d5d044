// Pictures of what each number of ranks gains.
#include <fmt/format.h>

#include <algorithm>

#include "analysis/plot/pictures.hpp"
#include "analysis/quantities/numbers.hpp"

namespace lockstep {

namespace {

using Claimed = std::optional<Estimate> (*)(const PictureInput&, const GroupSummary&);

double ranks_of(const GroupDetail& group) { return static_cast<double>(group.summary->group->any().ranks); }

CurvePoint point_of(const GroupDetail& group, const Estimate& e) {
  return {ranks_of(group), e.value, e.interval, group.summary->group->label};
}

// One curve a series, against the number of ranks.
std::vector<Curve> curves_of(const PictureInput& input, Claimed claimed) {
  std::vector<Curve> curves;
  for (const DrawnSeries& series : scaling_series(input)) {
    Curve curve{series.name, series.look, {}};
    for (const GroupDetail* group : series.groups)
      if (const auto e = claimed(input, *group->summary)) curve.points.push_back(point_of(*group, *e));
    if (!curve.points.empty()) curves.push_back(std::move(curve));
  }
  return curves;
}

std::optional<Estimate> speedup_of(const PictureInput& input, const GroupSummary& s) {
  return input.analysis.comparison(s).speedup;
}
std::optional<Estimate> efficiency_of(const PictureInput& input, const GroupSummary& s) {
  return input.analysis.comparison(s).efficiency;
}
std::optional<Estimate> throughput_of(const PictureInput&, const GroupSummary& s) { return s.throughput; }

// The numbers of ranks that were tried, from 1 on.
Axis rank_axis(const PictureInput& input) {
  Axis axis{.label = "ranks"};
  double most = 1;
  for (const GroupDetail& group : input.groups) {
    const double ranks = ranks_of(group);
    most = std::max(most, ranks);
    const auto same = [&](const auto& tic) { return tic.first == ranks; };
    if (std::none_of(axis.tics.begin(), axis.tics.end(), same))
      axis.tics.emplace_back(ranks, fmt::format("{:.0f}", ranks));
  }
  axis.logarithmic = most > 16;
  axis.low = axis.logarithmic ? 0.8 : 0.5;
  axis.high = axis.logarithmic ? most * 1.25 : most + 0.5;
  return axis;
}

// From one rank to the most. On a logarithmic axis a line needs its points.
Curve ideal_line(const Axis& ranks, double at_one, double growth) {
  Curve line{"ideal", 0, {}, Curve::Style::ideal};
  const double most = *ranks.high;
  for (double p = 1; p < most; p *= 1.2) line.points.push_back({p, at_one * (1 + growth * (p - 1))});
  line.points.push_back({most, at_one * (1 + growth * (most - 1))});
  return line;
}

Figure single(Panel panel) {
  Figure figure;
  if (panel.empty()) return figure;
  figure.panels.push_back(std::move(panel));
  return figure;
}

const GroupDetail* sequential(const PictureInput& input) {
  for (const GroupDetail& group : input.groups)
    if (group.summary->group->any().is_sequential()) return &group;
  return nullptr;
}

}  // namespace

Figure total_time_figure(const PictureInput& input) {
  Panel panel{.x = {.label = "training time, s", .low = 0, .unit = "s"}, .y = lane_axis(labels_of(input))};
  BoxSet bars{"training", kBlue, {}};
  double longest = 0;
  for (std::size_t i = 0; i < input.groups.size(); ++i) {
    const Estimate& seconds = input.groups[i].summary->steady_training_seconds;
    const double reach = seconds.interval ? seconds.interval->high : seconds.value;
    longest = std::max(longest, reach);
    bars.boxes.push_back(lane_box(i, 0, seconds.value));
    const double y = -0.5 - static_cast<double>(i);
    if (seconds.interval) panel.whiskers.push_back({y, seconds.interval->low, seconds.interval->high});
    panel.words.push_back({reach, y, number(seconds.value) + " s"});
  }
  panel.x.high = 1.15 * longest;
  if (bars.boxes.empty()) return {};
  panel.boxes.push_back(std::move(bars));
  Figure figure = single(std::move(panel));
  figure.height = kFrameHeight + kLaneHeight * static_cast<int>(input.groups.size());
  return figure;
}

Panel speedup_panel(const PictureInput& input) {
  Panel panel{.title = "speedup", .x = rank_axis(input), .y = {.label = "times as fast", .low = 0}};
  panel.curves = curves_of(input, speedup_of);
  if (!panel.curves.empty()) panel.curves.push_back(ideal_line(panel.x, 1, 1));
  return panel;
}

Figure speedup_figure(const PictureInput& input) {
  Panel panel = speedup_panel(input);
  panel.title = "";
  return single(std::move(panel));
}

Figure efficiency_figure(const PictureInput& input) {
  Panel panel{.x = rank_axis(input), .y = {.label = "speedup / ranks", .low = 0}};
  panel.curves = curves_of(input, efficiency_of);
  if (!panel.curves.empty()) panel.curves.push_back(ideal_line(panel.x, 1, 0));
  return single(std::move(panel));
}

Figure throughput_figure(const PictureInput& input) {
  Panel panel{.x = rank_axis(input), .y = {.label = "samples per second", .low = 0}};
  panel.curves = curves_of(input, throughput_of);
  if (const GroupDetail* seq = sequential(input)) {
    const Estimate& throughput = seq->summary->throughput;
    Curve one{"seq", 0, {point_of(*seq, throughput)}, Curve::Style::points};
    if (!panel.curves.empty()) panel.curves.push_back(ideal_line(panel.x, throughput.value, 1));
    panel.curves.push_back(std::move(one));
  }
  return single(std::move(panel));
}

}  // namespace lockstep
