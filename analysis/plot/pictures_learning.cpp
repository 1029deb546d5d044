// Pictures of what was learned, and when.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "analysis/plot/pictures.hpp"
#include "analysis/quantities/numbers.hpp"

namespace lockstep {

namespace {

constexpr std::int64_t kMostClasses = 40, kMostAnnotated = 12;

using Runs = std::vector<const RunDetail*>;

bool has_seed(const GroupDetail& group, const std::string& seed) {
  return std::any_of(group.runs.begin(), group.runs.end(),
                     [&](const RunDetail& run) { return run.launch->setting("run.seed") == seed; });
}

// The group's runs with seeds that all groups have, so that no picture shows one seed beside another; all of
// them where there is none in common.
Runs comparable(const PictureInput& input, const GroupDetail& group) {
  Runs all, common;
  for (const RunDetail& run : group.runs) {
    all.push_back(&run);
    const std::string seed = run.launch->setting("run.seed");
    if (std::all_of(input.groups.begin(), input.groups.end(),
                    [&](const GroupDetail& other) { return other.runs.empty() || has_seed(other, seed); }))
      common.push_back(&run);
  }
  return common.empty() ? all : common;
}

// One of them: with the first of the seeds that all have.
const RunDetail* one_run(const PictureInput& input, const GroupDetail& group) {
  const Runs runs = comparable(input, group);
  const auto first = std::min_element(runs.begin(), runs.end(), [](const RunDetail* a, const RunDetail* b) {
    return a->launch->setting("run.seed") < b->launch->setting("run.seed");
  });
  return first == runs.end() ? nullptr : *first;
}

std::size_t epochs_of(const Runs& runs) {
  std::size_t epochs = 0;
  for (const RunDetail* run : runs) epochs = std::max(epochs, run->epochs.size());
  return epochs;
}

// Median over the launches with smallest and largest, of each epoch that at least one launch has measured.
Curve epoch_curve(const PictureInput& input, std::size_t series, double EpochRow::*member) {
  const GroupDetail& group = input.groups[series];
  const Runs runs = comparable(input, group);
  Curve curve{group.summary->group->label, series, {}};
  const auto first = static_cast<double>(group.summary->group->any().epochs_before());
  for (std::size_t e = 0; e < epochs_of(runs); ++e) {
    std::vector<double> values;
    for (const RunDetail* run : runs)
      if (e < run->epochs.size() && std::isfinite(run->epochs[e].*member))
        values.push_back(run->epochs[e].*member);
    if (values.empty()) continue;
    CurvePoint point{first + static_cast<double>(e + 1), median(values)};
    if (values.size() > 1) point.interval = {percentile(values, 0), percentile(values, 1)};
    curve.points.push_back(point);
  }
  return curve;
}

Panel epoch_panel(const PictureInput& input, const std::string& title, const std::string& unit,
                  double EpochRow::*member) {
  Panel panel{.title = title, .x = {.label = "epoch"}, .y = {.label = unit}};
  double last = 1;
  for (std::size_t i = 0; i < input.groups.size(); ++i) {
    Curve curve = epoch_curve(input, i, member);
    if (curve.points.empty()) continue;
    last = std::max(last, curve.points.back().x);
    panel.curves.push_back(std::move(curve));
  }
  panel.x.low = 0.7;
  panel.x.high = last + 0.3;
  if (last <= 12)
    for (int e = 1; e <= static_cast<int>(last); ++e) panel.x.tics.emplace_back(e, std::to_string(e));
  return panel;
}

std::string metric_of(const PictureInput& input) {
  return input.groups.empty() ? "" : input.groups.front().summary->group->any().metric;
}

Figure single(Panel panel) {
  Figure figure;
  if (panel.empty()) return figure;
  panel.title = "";
  figure.panels.push_back(std::move(panel));
  return figure;
}

// One curve a group.
template <typename PointsOf>
Panel curves_panel(const PictureInput& input, Axis x, Axis y, Curve::Style style, PointsOf points_of) {
  Panel panel{.x = std::move(x), .y = std::move(y)};
  for (std::size_t i = 0; i < input.groups.size(); ++i) {
    Curve curve{input.groups[i].summary->group->label, i, points_of(input.groups[i]), style};
    if (!curve.points.empty()) panel.curves.push_back(std::move(curve));
  }
  return panel;
}

// Epochs that all of these runs have.
std::size_t common_epochs(const Runs& runs) {
  std::size_t epochs = epochs_of(runs);
  for (const RunDetail* run : runs) epochs = std::min(epochs, run->epochs.size());
  return epochs;
}

// Medians over the launches of both: of the time until the end of an epoch, and of the metric then. The same
// launches make every point: the median of others might lie before that of the epoch before.
std::vector<CurvePoint> metric_over_time(const PictureInput& input, const GroupDetail& group) {
  const Runs runs = comparable(input, group);
  std::vector<CurvePoint> points;
  if (group.summary->group->any().header.resumed) return points;
  std::vector<double> seconds(runs.size(), 0);
  for (std::size_t e = 0; e < common_epochs(runs); ++e) {
    std::vector<double> metrics;
    for (std::size_t run = 0; run < runs.size(); ++run) {
      seconds[run] += runs[run]->epochs[e].train_seconds;
      if (const double metric = runs[run]->epochs[e].validation_metric; std::isfinite(metric))
        metrics.push_back(metric);
    }
    if (!metrics.empty()) points.push_back({median(seconds), median(metrics)});
  }
  return points;
}

Figure loss_figure(const PictureInput& input, const char* x_label, double LossPoint::*x) {
  const auto points_of = [&, x](const GroupDetail& group) {
    std::vector<CurvePoint> points;
    const RunDetail* run = one_run(input, group);
    if (group.summary->group->any().header.resumed) return points;
    for (const LossPoint& p : run ? run->loss : std::vector<LossPoint>())
      if (std::isfinite(p.loss)) points.push_back({p.*x, p.loss});
    return points;
  };
  return single(curves_panel(input, {.label = x_label, .low = 0}, {.label = "training loss"},
                             Curve::Style::line, points_of));
}

// White to blue in kShades steps.
constexpr int kShades = 16;
Colour shade(int step) {
  const auto down = [step](unsigned from, unsigned to) {
    return from - static_cast<unsigned>(step) * (from - to) / (kShades - 1);
  };
  return down(0xf7, 0x00) << 16U | down(0xfb, 0x72) << 8U | down(0xff, 0xb2);
}

double row_sum(const Matrix<std::int64_t>& m, std::int64_t row) {
  double sum = 0;
  for (std::int64_t c = 0; c < m.columns; ++c) sum += static_cast<double>(m.at(row, c));
  return sum;
}

void add_cell(Panel& panel, const Matrix<std::int64_t>& m, std::int64_t truth, std::int64_t said) {
  const double rows = row_sum(m, truth);
  const double share = rows > 0 ? static_cast<double>(m.at(truth, said)) / rows : 0;
  const int step = static_cast<int>(std::lround(std::clamp(share, 0.0, 1.0) * (kShades - 1)));
  const double x = static_cast<double>(said), y = -static_cast<double>(truth);
  panel.boxes[static_cast<std::size_t>(step)].boxes.push_back(
      {x - 0.5, x + 0.5, y - 0.5, y + 0.5,
       fmt::format("true class {}, said {}: {} ({} %)", truth, said, m.at(truth, said), percent(share))});
  if (m.rows <= kMostAnnotated)
    panel.words.push_back({x, y, std::to_string(m.at(truth, said)), Words::Place::centred,
                           share > 0.55 ? Colour{0xffffff} : Colour{0x1a1a1a}});
}

}  // namespace

Figure comparison_figure(const PictureInput& input) {
  Figure figure;
  figure.panels.push_back(epoch_panel(input, "training loss", "mean loss", &EpochRow::train_loss));
  figure.panels.push_back(
      epoch_panel(input, "validation " + metric_of(input), metric_of(input), &EpochRow::validation_metric));
  figure.panels.push_back(epoch_panel(input, "training time of an epoch", "s", &EpochRow::train_seconds));
  figure.panels.back().y.low = 0;
  figure.panels.push_back(speedup_panel(input));
  if (figure.panels.front().empty() && figure.panels[2].empty()) return {};
  std::erase_if(figure.panels, [](const Panel& panel) { return panel.empty(); });
  figure.columns = 2;
  figure.width = 980;
  figure.height = figure.panels.size() > 2 ? 760 : 380;
  return figure;
}

Figure epoch_time_figure(const PictureInput& input) {
  Panel panel = epoch_panel(input, "", "s", &EpochRow::train_seconds);
  panel.y.low = 0;
  return single(std::move(panel));
}

Figure accuracy_figure(const PictureInput& input) {
  return single(epoch_panel(input, "", "validation " + metric_of(input), &EpochRow::validation_metric));
}

Figure accuracy_time_figure(const PictureInput& input) {
  return single(curves_panel(input, {.label = "training time, s", .low = 0},
                             {.label = "validation " + metric_of(input)}, Curve::Style::line_with_points,
                             [&](const GroupDetail& group) { return metric_over_time(input, group); }));
}

Figure loss_samples_figure(const PictureInput& input) {
  return loss_figure(input, "samples", &LossPoint::samples);
}

Figure loss_time_figure(const PictureInput& input) {
  return loss_figure(input, "s since the first step", &LossPoint::seconds);
}

Figure confusion_figure(const PictureInput& input, const GroupDetail& group) {
  const RunDetail* run = one_run(input, group);
  Figure figure;
  if (!run || run->confusion.rows < 2 || run->confusion.rows > kMostClasses) return figure;
  const Matrix<std::int64_t>& m = run->confusion;
  if (std::all_of(m.values.begin(), m.values.end(), [](std::int64_t n) { return n == 0; })) return figure;
  Panel panel{.x = {.label = "class that the model said"}, .y = {.label = "true class"}};
  const double last = static_cast<double>(m.rows) - 0.5;
  panel.x.low = -0.5;
  panel.x.high = last;
  panel.y.low = -last;
  panel.y.high = 0.5;
  for (std::int64_t c = 0; c<m.rows; c += m.rows> 20 ? 5 : 1) {
    panel.x.tics.emplace_back(c, std::to_string(c));
    panel.y.tics.emplace_back(-c, std::to_string(c));
  }
  panel.boxes.resize(kShades);
  for (int step = 0; step < kShades; ++step) panel.boxes[static_cast<std::size_t>(step)].colour = shade(step);
  for (std::int64_t truth = 0; truth < m.rows; ++truth)
    for (std::int64_t said = 0; said < m.columns; ++said) add_cell(panel, m, truth, said);
  figure.panels.push_back(std::move(panel));
  figure.width = 620;
  figure.height = 560;
  return figure;
}

}  // namespace lockstep
