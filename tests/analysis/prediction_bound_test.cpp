// Predictions that are bounds: of ranks on the node of those that were measured, which take from each other what
// no run has shown.
#include "analysis/model/predictor.hpp"
#include "analysis/quantities/numbers.hpp"
#include "analysis/render/render.hpp"
#include "analysis/support/simulated_run.hpp"
#include "analysis/support/synthetic_bench.hpp"
#include "analysis/support/synthetic_run.hpp"
#include "analysis/tables/pages.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

// Three launches on so many ranks of one node, whose passes take `slower` times as long for it.
std::vector<RunData> launches_on(int ranks, double slower = 1) {
  std::vector<RunData> runs;
  for (int seed = 1; seed <= 3; ++seed)
    runs.push_back(simulate({.ranks = ranks,
                             .seed = seed,
                             .forward = 100e-6 * slower,
                             .backward = 200e-6 * slower,
                             .launch_spread = 0.005,
                             .spread = 0.02}));
  return runs;
}

Analysis with_bench(const std::vector<RunData>& runs) {
  RunSet set = make_set(runs);
  set.benches = {reduce_bench(make_bench({.fingerprint = runs.front().fingerprint}), "bench")};
  return Analysis(std::move(set), Baseline::seq);
}

Page page_for(const Analysis& analysis, std::vector<std::int64_t> ranks, std::optional<Link> link = {}) {
  PageOptions options;
  options.ranks = std::move(ranks);
  options.link = link;
  return predict_page(analysis, options);
}

Estimate cell_of(const Page& page, const std::string& key, std::size_t row = 0) {
  const Table& table = page.tables.front();
  for (std::size_t i = 0; i < table.columns.size(); ++i)
    if (table.columns[i].key == key) {
      REQUIRE(std::holds_alternative<Estimate>(table.rows.at(row).at(i)));
      return std::get<Estimate>(table.rows[row][i]);
    }
  FAIL("no column " + key);
  return {};
}

double step_of(const std::vector<RunData>& runs) {
  return analyse(runs).summaries.front().groups.front().step_seconds.value;
}

// Two stages on one node, of which one works at a time.
RunData split_run(const std::string& mode) {
  RunData run = make_run({.mode = mode, .ranks = 2, .forward = 5e-3, .backward = 10e-3, .transfer = 1e-3});
  run.settings["parallel.stages"] = "2";
  run.settings["parallel.schedule"] = "layerwise";
  for (std::int64_t r = 0; r < run.steps.ranks(); ++r)
    for (std::int64_t s = 0; s < run.steps.steps(); ++s) {
      const double idle = run.steps.forward.at(r, s) + run.steps.backward.at(r, s);
      run.steps.bubble.at(r, s) = idle;
      run.steps.wall.at(r, s) += idle;
      run.steps.start.at(r, s) += static_cast<double>(s) * idle;
    }
  run.comm = {};
  return run;
}

}  // namespace

TEST_CASE(
    "one rank and its node's link tell of more ranks on it by a bound, which holds whatever they take") {
  const Page page = page_for(with_bench(launches_on(1)), {2});
  const Estimate step = cell_of(page, "step_seconds"), speedup = cell_of(page, "speedup");
  CHECK(step.limit == Limit::at_least);
  CHECK(speedup.limit == Limit::at_most);
  CHECK(cell_of(page, "efficiency").limit == Limit::at_most);
  for (const double slower : {1.0, 1.2, 1.8}) {
    CAPTURE(slower, step.value);
    CHECK(step.value <= step_of(launches_on(2, slower)));
    CHECK(speedup.value >= step_of(launches_on(1)) / step_of(launches_on(2, slower)));
  }
}

TEST_CASE("a bound is one in every format") {
  const Page page = page_for(with_bench(launches_on(1)), {2});
  const Estimate step = cell_of(page, "step_seconds");
  const std::string bound = "at least " + milliseconds(step.value);
  for (const Format format : {Format::table, Format::md, Format::tex}) {
    CHECK(says(render(page, format), bound));
    CHECK(says(render(page, format), "at most"));
  }
  CHECK(says(render(page, Format::md), "was not measured, so their steps are lower bounds"));
  const std::string csv = render(page, Format::csv), json = render(page, Format::json);
  CHECK(says(csv, "step_seconds,step_seconds_low,step_seconds_high"));
  CHECK(says(csv, "seq,2,32,,0.0"));
  CHECK(says(csv, "a lower bound"));
  CHECK(says(json, "\"step_seconds\": null"));
  CHECK(says(json, "\"step_seconds_low\": 0.0"));
  CHECK(lacks(json, "step_seconds_high"));
  CHECK(says(json, "\"speedup_high\": "));
  CHECK(says(json, "\"step_is\": \"a lower bound\""));
  const ShownTable html = shown(page.tables.front());  // what the page in HTML has
  CHECK(html.rows.front().cells.at(3) == bound);
  CHECK(html.rows.front().cells.at(4) == "-");
}

TEST_CASE("ranks on other nodes are predicted with an interval") {
  const std::vector<RunData> one = launches_on(1);
  const Page given = page_for(with_bench(one), {2}, Link{2e-6, 25e9});
  CHECK(cell_of(given, "step_seconds").limit == Limit::none);
  CHECK(cell_of(given, "step_seconds").interval);
  CHECK(lacks(render(given, Format::md), "lower bound"));
  CHECK(says(render(given, Format::csv), "an estimate"));
  std::vector<RunData> apart = launches_on(2);
  for (RunData& run : apart) run.ranks[1].host = "another node";
  for (const RunData& run : one) apart.push_back(run);
  CHECK(cell_of(page_for(analyse(apart), {8}), "step_seconds").limit == Limit::none);
}

TEST_CASE("GPUs have their own cores and memory") {
  std::vector<RunData> runs = launches_on(1);
  for (RunData& run : runs) run.settings["parallel.device"] = "cuda";
  CHECK(cell_of(page_for(with_bench(runs), {2}), "step_seconds").limit == Limit::none);
}

TEST_CASE("fewer ranks on the node than were measured are bounded from above, as many are not") {
  std::vector<RunData> runs = launches_on(1);
  for (const RunData& run : launches_on(4, 1.5)) runs.push_back(run);
  const Page page = page_for(analyse(runs), {2, 4, 8});
  CHECK(cell_of(page, "step_seconds", 0).limit == Limit::at_most);
  CHECK(cell_of(page, "speedup", 0).limit == Limit::at_least);
  CHECK(cell_of(page, "step_seconds", 0).value >= step_of(launches_on(2, 1.2)));
  CHECK(cell_of(page, "step_seconds", 1).limit == Limit::none);
  CHECK(cell_of(page, "step_seconds", 2).limit == Limit::at_least);
  CHECK(says(render(page, Format::md), "their steps are upper bounds and their speedups lower bounds"));
}

TEST_CASE("stages on one node are bounds, whatever link is given, as it has no effect on them") {
  for (const char* mode : {"mp", "pipe"}) {
    CAPTURE(mode);
    const Analysis analysis = analyse({make_run({}), split_run(mode)});
    const Page page = page_for(analysis, {4}, Link{2e-6, 25e9});
    CHECK(cell_of(page, "step_seconds").limit == Limit::at_least);
    CHECK(lacks(render(page, Format::md), "give the link with --link"));
  }
}

TEST_CASE("a grid on one node is a bound unless its replicas are told to be elsewhere") {
  const Analysis analysis = with_bench({make_run({}), split_run("hybrid")});
  CHECK(cell_of(page_for(analysis, {4}), "step_seconds").limit == Limit::at_least);
  CHECK(cell_of(page_for(analysis, {4}, Link{2e-6, 25e9}), "step_seconds").limit == Limit::none);
}

TEST_CASE("a bound from single launches is moved by what the model misses") {
  const Analysis analysis = analyse({simulate({}), simulate({.ranks = 2, .spread = 0.1})});
  const Predictor predictor = predictors_of(analysis.summaries.front(), Baseline::seq).front();
  REQUIRE(predictor.worst_miss() > 0);
  CHECK(predictor.bound({2, {}}, Limit::at_least).value == Approx(2 / (1 + predictor.worst_miss())));
  CHECK(predictor.bound({2, {}}, Limit::at_most).value == Approx(2 * (1 + predictor.worst_miss())));
  CHECK(predictor.bound({2, Estimate::Bounds{1, 3}}, Limit::none).interval);
}
