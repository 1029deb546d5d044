// Figures hold the numbers of the analysis; the script that draws them cannot be broken out of.
#include "analysis/plot/pictures.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

#include "analysis/render/figure_csv.hpp"
#include "analysis/render/gnuplot.hpp"
#include "analysis/render/gnuplot_script.hpp"
#include "analysis/support/golden.hpp"
#include "analysis/support/pictured.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

std::vector<RunData> several_ranks() {
  std::vector<RunData> runs = usual_runs();
  for (int seed = 1; seed <= 3; ++seed) runs.push_back(make_run(usual_ddp(seed, 4)));
  return runs;
}

const DrawnPicture& picture_named(const std::vector<DrawnPicture>& drawn, const std::string& file) {
  const auto found = std::find_if(drawn.begin(), drawn.end(), [&](const auto& d) { return d.file == file; });
  REQUIRE(found != drawn.end());
  return *found;
}

// The script without what stands in single quotes.
std::string outside_quotes(const std::string& script) {
  std::string out;
  bool inside = false;
  for (const char c : script) {
    if (c == '\'') inside = !inside;
    if (!inside) out += c;
  }
  CHECK_FALSE(inside);
  return out;
}

}  // namespace

TEST_CASE("usual runs have every picture, under names of their own") {
  const std::vector<RunData> runs = several_ranks();
  const Analysis analysis = analyse(runs);
  const auto drawn = draw_pictures(inputs_of(analysis, runs));
  std::set<std::string> files;
  for (const DrawnPicture& d : drawn) {
    CHECK(files.insert(d.file).second);
    CHECK_FALSE(d.caption.empty());
    CHECK_FALSE(d.uuids.empty());
  }
  for (const Picture& p : pictures()) {
    if (p.name == std::string("pipeline")) continue;  // of split models
    CAPTURE(p.name);
    CHECK(std::any_of(files.begin(), files.end(), [&](const auto& f) { return f.starts_with(p.name); }));
  }
  CHECK(files.count("timeline_ddp_x4") == 1);
  CHECK(files.count("timeline_seq") == 0);
}

TEST_CASE("the speedup's figure is the speedup, with its interval and the ideal") {
  const std::vector<RunData> runs = several_ranks();
  const Analysis analysis = analyse(runs);
  const Panel panel = speedup_figure(inputs_of(analysis, runs).front()).panels.at(0);
  REQUIRE(panel.curves.size() == 2);
  const Estimate four = *group_named(analysis, "ddp x4").against_seq.speedup;
  const CurvePoint& last = panel.curves[0].points.back();
  CHECK(last.x == 4);
  CHECK(last.y == four.value);
  CHECK(last.interval->high == four.interval->high);
  CHECK(panel.curves[1].style == Curve::Style::ideal);
  CHECK(panel.curves[1].points.back().y == Approx(panel.curves[1].points.back().x));
}

TEST_CASE("bars of the budget add up to the step; an open budget is left out and named") {
  std::vector<RunData> runs = several_ranks();
  for (RunData& run : runs)
    if (run.steps.ranks() == 4)
      for (double& v : run.steps.other.values) v += 5e-3;
  const Analysis analysis = analyse(runs);
  const Figure figure = budget_figure(inputs_of(analysis, runs).front());
  CHECK(says(figure.note, "ddp x4"));
  double right = 0;
  for (const BoxSet& set : figure.panels.at(0).boxes)
    for (const Box& box : set.boxes)
      if (box.top > -1) right = std::max(right, box.right);
  CHECK(right == Approx(1e3 * group_named(analysis, "seq").steps.point[Quantity::wall]));
  CHECK(figure.panels[0].y.tics.size() == 2);
}

TEST_CASE("a refused speedup is not drawn") {
  std::vector<RunData> runs = several_ranks();
  for (RunData& run : runs)
    if (run.steps.ranks() == 4) run.fingerprint = "ffffffffffffffff";
  const Analysis analysis = analyse(runs);
  const Panel panel = speedup_figure(inputs_of(analysis, runs).front()).panels.at(0);
  REQUIRE(panel.curves.size() == 2);
  CHECK(panel.curves[0].points.size() == 1);
}

TEST_CASE("the ranks' bars show who computes longer and who waits") {
  const std::vector<RunData> runs = usual_runs();
  const Analysis analysis = analyse(runs);
  const auto inputs = inputs_of(analysis, runs);
  const GroupDetail& ddp = inputs.front().groups.back();
  const RunDetail& run = *ddp.typical();
  const Panel panel = imbalance_figure(inputs.front(), ddp).panels.at(0);
  const auto length = [&](std::size_t set, std::size_t rank) {
    return panel.boxes[set].boxes[rank].right - panel.boxes[set].boxes[rank].left;
  };
  CHECK(length(1, 1) - length(1, 0) == Approx(1));  // ms of computation
  CHECK(length(2, 0) - length(2, 1) == Approx(1));  // of exposed communication
  CHECK(run.loss.back().samples == 2 * 40 * 64);
}

TEST_CASE("passes of micro-batches are drawn where they were recorded") {
  std::vector<RunData> runs = usual_runs();
  for (RunData& run : runs)
    if (run.steps.ranks() == 2) add_passes(run, 2);
  const Analysis analysis = analyse(runs);
  const auto inputs = inputs_of(analysis, runs);
  const Panel panel = pipeline_figure(inputs.front(), inputs.front().groups.back()).panels.at(0);
  REQUIRE(panel.boxes.size() == 2);
  CHECK(panel.boxes[0].boxes.size() == 4);  // 2 ranks, 2 micro-batches
  CHECK(panel.boxes[1].boxes.size() == 4);
  CHECK(panel.boxes[0].boxes[0].right - panel.boxes[0].boxes[0].left == Approx(1));
  CHECK(panel.words.size() == 8);
  CHECK(pipeline_figure(inputs.front(), inputs.front().groups.front()).empty());
}

TEST_CASE("a script for a figure", "[golden]") {
  const std::vector<RunData> runs = several_ranks();
  const Analysis analysis = analyse(runs);
  const auto drawn = draw_pictures(inputs_of(analysis, runs));
  check_golden(gnuplot_script(picture_named(drawn, "speedup").figure, "speedup", Theme::light),
               "speedup.gnuplot");
  check_golden(figure_csv(picture_named(drawn, "communication").figure), "communication.csv");
}

TEST_CASE("gnuplot's key has as many columns as there is room for") {
  const auto columns = [](const std::string& name, int panels) {
    Figure figure;
    figure.columns = panels;
    figure.width = 900;
    figure.panels.resize(1);
    figure.panels[0].curves = {{name, 0, {{1, 1}, {2, 2}}}};
    const std::string script = gnuplot_script(figure, "figure", Theme::light), words = "set key maxcols ";
    return std::stoi(script.substr(script.find(words) + words.size()));
  };
  CHECK(columns("ddp x2", 1) == 9);                        // (900 - 60) / (6 x 8 + 44)
  CHECK(columns("ddp x2 parallel.bucket_mb=10", 2) == 1);  // (450 - 60) / (28 x 8 + 44)
  CHECK(columns(std::string(200, 'm'), 1) == 1);
}

TEST_CASE("hostile names stay in their quotes, on their line") {
  const std::vector<RunData> runs = hostile_runs();
  const Analysis analysis = analyse(runs);
  const auto drawn = draw_pictures(inputs_of(analysis, runs));
  REQUIRE(drawn.size() > 10);
  for (const DrawnPicture& d : drawn) {
    const std::string script = gnuplot_script(d.figure, d.file, Theme::dark);
    const std::string bare = outside_quotes(script);
    CAPTURE(d.file);
    CHECK(lacks(bare, "pwned"));
    CHECK(lacks(bare, "script"));
    CHECK(lacks(bare, "`"));
    CHECK(script.find('\x01') == std::string::npos);
    CHECK(says(script, "\nset output '" + d.file + ".pdf'\n"));
  }
}

TEST_CASE("a panel without a number is drawn empty") {
  Figure figure;
  figure.panels.resize(2);
  figure.panels[0].curves.push_back({.name = "seq", .points = {{.x = 1, .y = 2}, {.x = 2, .y = 3}}});
  const std::string program = find_gnuplot();
  const std::string script = gnuplot_script(figure, "lockstep_half_empty", Theme::light);
  CHECK(says(script, "set yrange [0:1]"));
  if (program.empty()) return;
  const TemporaryFolder folder;
  CHECK(run_gnuplot(program, script, folder.path) == "");
  CHECK(std::filesystem::exists(folder / "lockstep_half_empty.pdf"));
}

TEST_CASE("gnuplot's failure is one line; a program that is not there is said") {
  const TemporaryFolder folder;
  CHECK(says(run_gnuplot(folder / "gnuplot", "plot x\n", folder.path), "gnuplot failed (127)"));
  const std::string program = find_gnuplot();
  if (program.empty()) return;  // test_analyze says what a report without it looks like
  CHECK(run_gnuplot(program, "set terminal dumb\nset output '/dev/null'\nplot x\n", folder.path) == "");
  const std::string failure = run_gnuplot(program, "plot nonsense(\n", folder.path);
  CHECK(says(failure, "gnuplot failed"));
  CHECK(failure.find('\n') == std::string::npos);
}

TEST_CASE("pictures that have no room for all show the fastest, in their order") {
  std::vector<RunData> runs = {make_run({})};
  for (int ranks = 2; ranks <= 6; ++ranks)
    runs.push_back(
        make_run({.mode = "ddp", .ranks = ranks, .forward = 40e-3 - 6e-3 * ranks, .transfer = 1e-3}));
  const Analysis analysis = analyse(runs);
  const auto drawn = drawn_groups(analysis.summaries.front(), 3);
  REQUIRE(drawn.size() == 3);
  CHECK(drawn[0]->group->label == "seq");
  CHECK(drawn[1]->group->label == "ddp x5");
  CHECK(drawn[2]->group->label == "ddp x6");
  CHECK(drawn_groups(analysis.summaries.front(), 6).size() == 6);
}
