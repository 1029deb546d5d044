// The answer: headline, why, what next, and the rows in their order.
#include "analysis/tables/overview.hpp"

#include "analysis/advice/headline.hpp"
#include "analysis/model/progress.hpp"
#include "analysis/support/simulated_run.hpp"
#include "analysis/support/synthetic_run.hpp"
#include "support/catch.hpp"
#include "timing/clock.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

std::string headline_for(const std::vector<RunData>& runs) {
  const Analysis analysis = analyse(runs);
  return headline(analysis.summaries.front(), analysis);
}

std::vector<std::string> order_of(const Overview& overview) {
  std::vector<std::string> labels;
  for (const OverviewRow& row : overview.rows) labels.push_back(row.group->group->label + ": " + row.verdict);
  return labels;
}

std::vector<RunData> launches_of(const SyntheticRun& synthetic) {
  std::vector<RunData> runs;
  for (int seed = 1; seed <= 3; ++seed) {
    SyntheticRun s = synthetic;
    s.seed = seed;
    s.jitter = 0.01;
    runs.push_back(make_run(s));
  }
  return runs;
}

std::vector<RunData> together(std::vector<RunData> a, const std::vector<RunData>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace

TEST_CASE("the headline says whether it pays, by how much, and what most is lost on") {
  CHECK(headline_for(usual_runs()).starts_with("ddp x2 pays: 1.6"));
  CHECK(says(headline_for(usual_runs()), " % of the lost time goes into the all-reduces themselves."));
  const std::string slow = headline_for(together(
      launches_of({}),
      launches_of({.mode = "ddp", .ranks = 2, .forward = 5e-3, .backward = 10e-3, .transfer = 40e-3})));
  CHECK(slow.starts_with("Parallel training does not pay: ddp x2, the fastest, is 0.5"));
  CHECK(says(slow, "Nearly all of the lost time goes into the all-reduces themselves."));
  const std::string single = headline_for({make_run({}), make_run(usual_ddp(1))});
  CHECK(single.starts_with("It cannot be said yet whether parallel training pays: ddp x2: 1.6"));
  CHECK(says(single, "x (single launches), 8"));
  CHECK(says(headline_for({make_run({})}), "No run used more than one rank"));
  std::vector<RunData> elsewhere = usual_runs();
  for (RunData& run : elsewhere)
    if (run.header.mode == "ddp") run.fingerprint = "ffffffffffffffff";
  CHECK(headline_for(elsewhere) ==
        "No speedup is claimed for ddp x2: the two ran on different hardware [cross-hardware].");
  CHECK(says(overviews_of(analyse(elsewhere), {}).front().why, "different hardware: fingerprint"));
}

TEST_CASE("the bucket in which most is exposed is named, where there are several") {
  std::vector<RunData> runs;
  for (const int ranks : {1, 2})
    for (int seed = 1; seed <= 3; ++seed)
      runs.push_back(simulate({.ranks = ranks, .seed = seed, .link = {20e-6, 0.3e9}, .launch_spread = 0.01}));
  const std::string said = headline_for(runs);
  CHECK(says(said, "the all-reduces themselves, most of it into that of bucket "));
}

TEST_CASE("what pays stands first, what is refused last, and each row has its sentences") {
  std::vector<RunData> runs = usual_runs();
  runs.push_back(make_run(usual_ddp(1, 8)));
  runs.push_back(make_run(usual_ddp(1, 4)));
  runs.back().fingerprint = "ffffffffffffffff";
  const Analysis analysis = analyse(runs);
  const Overview overview = overviews_of(analysis, {}).front();
  CHECK(order_of(overview) == std::vector<std::string>{"ddp x2: pays", "ddp x8: cannot be said",
                                                       "seq: baseline", "ddp x4: refused"});
  CHECK(says(overview.rows[0].sentences.at(0), "ddp x2 is 1.6"));
  CHECK(says(overview.rows[1].next, "two more launches"));
  CHECK(overview.rows[2].sentences.empty());
  CHECK(overview.rows[3].refusal->rule->code == std::string("cross-hardware"));
  CHECK(says(overview.why, "Of the "));
  CHECK(says(overview.next, "check rank 1: its device"));
  const Table table = overview_table(analysis, overview, 1);
  REQUIRE(table.rows.size() == 2);  // and the baseline
  CHECK(says(table.below, "2 more configurations"));
}

TEST_CASE("an undecided answer says what would decide") {
  const Overview overview = overviews_of(analyse({make_run({}), make_run(usual_ddp(1))}), {}).front();
  CHECK(overview.next == "Two more launches of ddp x2 and of seq would give an interval.");
}

TEST_CASE("several workloads: how many of them it pays for") {
  std::vector<RunData> runs = usual_runs();
  for (RunData run : usual_runs()) {
    run.model.name = "cnn";
    run.header.uuid += "-cnn";
    for (double& v : run.steps.wall.values) v *= 1.001;
    runs.push_back(run);
  }
  const Analysis analysis = analyse(runs);
  CHECK(headline_of(overviews_of(analysis, {}), analysis) == "Parallel training pays for 2 of 2 workloads");
}

TEST_CASE("the progress of a running run") {
  RunData run = make_run({.mode = "ddp", .ranks = 2, .transfer = 2e-3});
  run.settings["training.epochs"] = "10";
  Launch launch = make_launch(run, "x");
  const RunProgress p = progress_of(launch, 100, 30);  // two epochs in 100 s, and 30 s since
  CHECK(p.done == 2);
  CHECK(p.total == 10);
  CHECK(*p.left == Approx(370));
  CHECK(p.comm_share == Approx(2.0 / 33.6));
  CHECK(*progress_of(launch, 100, 1000).left == 0);
  launch.settings["training.steps"] = "160";
  CHECK(progress_of(launch, 100, 0).in_steps);
  CHECK(*progress_of(launch, 100, 0).left == Approx(100));
  launch.settings["training.steps"] = "";
  launch.epochs = 0;
  CHECK_FALSE(progress_of(launch, 100, 0).left);
  CHECK(seconds_of_timestamp("1970-01-02T00:00:01Z") == 86401);
  CHECK_FALSE(seconds_of_timestamp("yesterday"));
}
