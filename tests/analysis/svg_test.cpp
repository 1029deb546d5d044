// Figures as SVG: nothing is cut off, nothing printed over, every shape says its value, and names stay text.
#include "analysis/render/svg.hpp"

#include <regex>

#include "analysis/plot/pictures.hpp"
#include "analysis/plot/scale.hpp"
#include "analysis/support/pictured.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

Panel with_interval_from(double low) {
  Panel panel{.x = {.label = "ranks"}, .y = {.label = "times as fast", .low = 0}};
  panel.curves.push_back({"ddp", 1, {{2, 1.5, Estimate::Bounds{low, 1.8}, "ddp x2"}, {4, 2.5}}});
  return panel;
}

std::string picture_of(Panel panel) {
  Figure figure;
  figure.panels.push_back(std::move(panel));
  return inline_svg(figure, "a title", {{"ddp x2", "3"}});
}

std::vector<double> numbers_in(const std::string& svg, const std::string& pattern) {
  std::vector<double> found;
  const std::regex regex(pattern);
  for (std::sregex_iterator it(svg.begin(), svg.end(), regex), end; it != end; ++it)
    found.push_back(std::stod((*it)[1]));
  return found;
}

}  // namespace

TEST_CASE("an axis holds what is drawn, intervals too, whatever bound it was given") {
  CHECK(scales_of(with_interval_from(0.5)).y.low == 0);
  CHECK(scales_of(with_interval_from(-0.7)).y.low < -0.7);
  CHECK(uncut(with_interval_from(-0.7).y, scales_of(with_interval_from(-0.7)).y).low < -0.7);
  Panel panel = with_interval_from(1);
  panel.y.high = 1.7;
  CHECK(scales_of(panel).y.high > 2.5);
  panel.y = {.logarithmic = true};
  const AxisScale scale = scales_of(panel).y;
  CHECK(scale.low > 0);
  CHECK(scale.place(scale.low) == Approx(0));
  CHECK(scale.place(std::sqrt(scale.low * scale.high)) == Approx(0.5));
}

TEST_CASE("tics are round, within the axis, and as many as fit") {
  const auto tics = tics_of({}, {0, 1.31, false}, 5);
  REQUIRE(tics.size() == 3);
  CHECK(tics[1].second == "0.5");
  CHECK(tics_of({.format = "%.0s%c"}, {900, 2e6, true}, 5).front().second == "1k");
  Axis named{.tics = {{1, "one"}, {2, "two"}, {9, "nine"}}};
  CHECK(tics_of(named, {0.5, 2.5, false}, 5).size() == 2);
}

TEST_CASE("a point says its group, its value and its interval, and what the page knows its group by") {
  const std::string svg = picture_of(with_interval_from(1.25));
  CHECK(says(svg, "<g data-g=\"3\"><title>ddp x2\nranks 2.00\ntimes as fast 1.50 [1.25, 1.80]</title>"));
  CHECK(says(svg, "<title>ddp\nranks 4.00\ntimes as fast 2.50</title>"));
  CHECK(says(svg, "aria-label=\"a title\""));
}

TEST_CASE("a key of many long names takes its own room") {
  Panel panel{.x = {.label = "x"}, .y = {.label = "y"}};
  for (std::size_t i = 0; i < 24; ++i)
    panel.curves.push_back({"ddp x2 parallel.bucket_mb=" + std::to_string(i), i, {{1, 1}, {2, 2}}});
  const std::string few = picture_of(with_interval_from(1)), many = picture_of(panel);
  const std::string height = "viewBox=\"0 0 \\d+ ([0-9.]+)\"";
  const double more = numbers_in(many, height).at(0) - numbers_in(few, height).at(0);
  CHECK(more >= 11 * 18);
  // Each has its own place, and the plot begins below the last.
  const std::vector<double> lines =
      numbers_in(many, "role=\"button\" aria-pressed=\"true\" transform=\"translate\\([0-9.]+ ([0-9.]+)");
  REQUIRE(lines.size() == 24);
  CHECK(numbers_in(many, "translate\\([0-9.]+ ([0-9.]+)\\)\">\n<g class=\"axis-y\"").at(0) > lines.back());
  // DejaVu Sans, in which 28 columns of these letters take 28 x 7.2 points, and the sign before them.
  for (const double x : numbers_in(many, "aria-pressed=\"true\" transform=\"translate\\(([0-9.]+) "))
    CHECK((x == 0 || x > 28 * 7.2 + 28));
}

TEST_CASE("a picture of which nothing would be seen is none") {
  Figure figure;
  figure.panels.resize(2);
  CHECK(figure.empty());
  figure.panels[0].boxes = {{"data", kBlue, {}}};
  figure.panels[1].curves = {{"seq", 0, {{1, std::nan("")}}}};
  CHECK(figure.empty());
  figure.panels[0].boxes[0].boxes.push_back({0, 1, 0, 1});
  CHECK_FALSE(figure.empty());
}

TEST_CASE("without a validation split no picture of validation, and no empty panel") {
  std::vector<RunData> runs = usual_runs();
  for (RunData& run : runs)
    for (EpochRow& epoch : run.epochs) {
      epoch.validation_metric = std::nan("");
      epoch.confusion = Matrix<std::int64_t>(10, 10);
    }
  const Analysis analysis = analyse(runs);
  for (const DrawnPicture& picture : draw_pictures(inputs_of(analysis, runs))) {
    CAPTURE(picture.file);
    CHECK(lacks(picture.file, "accuracy"));
    CHECK(lacks(picture.file, "confusion"));
    for (const Panel& panel : picture.figure.panels) CHECK_FALSE(panel.empty());
  }
}

TEST_CASE("loss and metric against time go on, also where a launch ends early") {
  std::vector<RunData> runs = usual_runs();
  for (RunData& run : runs) {
    for (EpochRow& epoch : run.epochs) epoch.train_seconds = run.header.uuid.ends_with("1") ? 1 : 10;
    if (!run.header.uuid.ends_with("1")) run.epochs.pop_back();  // the slow ones stop after an epoch
  }
  const Analysis analysis = analyse(runs);
  const auto inputs = inputs_of(analysis, runs);
  for (const Figure& figure : {loss_time_figure(inputs.front()), accuracy_time_figure(inputs.front())}) {
    REQUIRE_FALSE(figure.empty());
    for (const Curve& curve : figure.panels[0].curves)
      for (std::size_t i = 1; i < curve.points.size(); ++i) CHECK(curve.points[i].x > curve.points[i - 1].x);
  }
}

TEST_CASE("arrows of a step's timeline lead from the rank that waits to the one that is late") {
  const std::vector<RunData> runs = usual_runs();
  const Analysis analysis = analyse(runs);
  const auto inputs = inputs_of(analysis, runs);
  const Figure figure = timeline_figure(inputs.front(), inputs.front().groups.back());
  CHECK(figure.zoomable);
  REQUIRE(figure.panels.at(0).arrows.size() == 1);
  const Arrow& arrow = figure.panels[0].arrows[0];
  CHECK(arrow.about == "rank 0 waits 1.00 ms for rank 1");
  CHECK(arrow.to_x - arrow.from_x == Approx(1));
  CHECK(arrow.from_y > arrow.to_y);
  const std::string svg = inline_svg(figure, "step", {});
  CHECK(says(svg, "data-zoom"));
  CHECK(says(svg, "<title>rank 0 waits 1.00 ms for rank 1</title>"));
  CHECK(says(svg, "<title>rank 1\nforward: "));
  CHECK(says(svg, "bucket 0, 0.889 MB"));
}

TEST_CASE("a file has colours of its own and no titles, and hostile names are text in both") {
  const std::vector<RunData> runs = hostile_runs();
  const Analysis analysis = analyse(runs);
  for (const DrawnPicture& picture : draw_pictures(inputs_of(analysis, runs))) {
    for (const std::string& svg :
         {svg_file(picture.figure, Theme::dark), inline_svg(picture.figure, picture.title, {})}) {
      CAPTURE(picture.file);
      CHECK(lacks(svg, "<script"));
      CHECK(svg.find('\x01') == std::string::npos);
      CHECK(svg.find('\xff') == std::string::npos);
    }
    CHECK(lacks(svg_file(picture.figure, Theme::dark), "var("));
    CHECK(lacks(svg_file(picture.figure, Theme::light), "<title>"));
  }
}
