// What analyze makes of runs that chose themselves how to reduce gradients.
#include "analysis/tables/reductions.hpp"

#include "analysis/model/predictor.hpp"
#include "analysis/render/render.hpp"
#include "analysis/runs/run_join.hpp"
#include "analysis/support/synthetic_run.hpp"
#include "analysis/tables/pages.hpp"
#include "analysis/tables/summary.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

constexpr std::int64_t kTrial = 17;

// A run that tried two ways, of which the second took as many milliseconds as the first.
RunData chooser(int seed, double first, double second) {
  RunData run = make_run(usual_ddp(seed));
  run.settings["parallel.overlap"] = "auto";
  run.settings["parallel.bucket_mb"] = "25";
  run.reduction = {.chosen = {first <= second ? Overlap::during : Overlap::after, 25},
                   .reason = "the fastest of 2 tried",
                   .steps = kTrial,
                   .tried = {{Overlap::during, 25}, {Overlap::after, 25}},
                   .seconds = {first * 1e-3, second * 1e-3}};
  return run;
}

const Table* table_called(const Page& page, const std::string& key) {
  for (const Table& table : page.tables)
    if (table.key == key) return &table;
  return nullptr;
}

}  // namespace

TEST_CASE("the steps of a trial are no steady steps") {
  RunData run = chooser(1, 4, 3);
  CHECK(make_launch(run, "").warmup == kTrial);
  run.settings["measure.warmup"] = "20";
  CHECK(make_launch(run, "").warmup == 20);
  run.settings["measure.warmup"] = "5";
  CHECK(make_launch(run, "").warmup == kTrial);
  run.reduction->steps = 1000;  // more than there are
  CHECK(make_launch(run, "").warmup == run.steps.steps() - 1);
  run.settings.erase("measure.warmup");
  CHECK(make_launch(run, "").warmup == run.steps.steps() - 1);
}

TEST_CASE("the warm-up after a trial is found as in any other run") {
  RunData run = make_run({.mode = "ddp", .ranks = 2, .slow_steps = 25, .jitter = 0.01});
  run.reduction = {.chosen = {}, .reason = "r", .steps = kTrial};
  CHECK(make_launch(run, "").warmup == 25);
}

TEST_CASE("what was chosen counts where the key is auto, and what is given elsewhere") {
  RunData run = chooser(1, 4, 3);
  CHECK_FALSE(make_launch(run, "").overlaps());
  CHECK(make_launch(run, "").bucket_mb(1) == 25);
  run.settings["parallel.bucket_mb"] = "auto";
  run.reduction->chosen = {Overlap::during, 5};
  CHECK(make_launch(run, "").overlaps());
  CHECK(make_launch(run, "").bucket_mb(1) == 5);
  run.settings["parallel.overlap"] = "false";
  CHECK_FALSE(make_launch(run, "").overlaps());
  run.reduction.reset();  // it ended before it had chosen
  CHECK(make_launch(run, "").bucket_mb(1) == 1);
}

TEST_CASE("launches that chose differently stay one group, and that is said") {
  const Analysis analysis = analyse({chooser(1, 4, 3), chooser(2, 3, 4), chooser(3, 4, 3.5)});
  const GroupSummary& group = group_named(analysis, "ddp x2");
  CHECK(group.group->launches.size() == 3);
  CHECK(says(sentence_of(group.findings, "different-reductions"),
             "2 of 3 overlap false, buckets of 25 MiB, 1 of 3 overlap true, buckets of 25 MiB; set "
             "parallel.overlap and parallel.bucket_mb to measure one of them"));
  CHECK_FALSE(has_code(group_named(analyse({chooser(1, 4, 3), chooser(2, 4, 3)}), "ddp x2").findings,
                       "different-reductions"));
}

TEST_CASE("a choice is another configuration than the same value given") {
  RunData given = make_run(usual_ddp(2));
  given.settings["parallel.overlap"] = "false";
  given.settings["parallel.bucket_mb"] = "25";
  const Analysis analysis = analyse({chooser(1, 4, 3), given});
  CHECK(group_named(analysis, "ddp x2 overlap=auto").group->launches.size() == 1);
  CHECK(group_named(analysis, "ddp x2 overlap=false").group->launches.size() == 1);
}

TEST_CASE("every way that was tried has a row, with who chose it") {
  const Analysis analysis = analyse({chooser(1, 4, 3), chooser(2, 3, 4), chooser(3, 4, 3.5)});
  const Page page = overlap_page(analysis, {});
  const Table* table = table_called(page, "reductions");
  REQUIRE(table);
  REQUIRE(table->rows.size() == 2);
  CHECK(std::get<std::string>(table->rows[0][1]) == "true");
  CHECK(std::get<double>(table->rows[0][3]) == Approx(4e-3));
  CHECK(std::get<std::string>(table->rows[0][4]) == "1 of 3 launches");
  CHECK(std::get<std::string>(table->rows[1][1]) == "false");
  CHECK(std::get<double>(table->rows[1][3]) == Approx(3.5e-3));
  CHECK(std::get<std::string>(table->rows[1][4]) == "2 of 3 launches");
  CHECK(says(
      page.lead.at(0),
      "ddp x2: 2 of 3 launches reduced gradients with overlap false, buckets of 25 MiB: the fastest of 2 "
      "tried (the first of them)."));
  REQUIRE(table_called(summary_page(analysis), "reductions"));
  CHECK(says(table_called(summary_page(analysis), "reductions")->below, "the fastest of 2 tried"));
  CHECK(table_called(overlap_page(analyse(usual_runs()), {}), "reductions") == nullptr);
}

TEST_CASE("a single launch, one that could time nothing, and one that tried nothing") {
  RunData run = chooser(1, 4, 3);
  run.reduction->seconds[0] = kUnknown;
  const Page page = overlap_page(analyse({run}), {});
  const Table* table = table_called(page, "reductions");
  REQUIRE(table);
  CHECK(std::holds_alternative<std::monostate>(table->rows[0][3]));
  CHECK(std::holds_alternative<std::monostate>(table->rows[0][4]));
  CHECK(std::get<std::string>(table->rows[1][4]) == "the launch");
  run.reduction->tried.clear();
  run.reduction->seconds.clear();
  run.reduction->reason = "the run is too short";
  const Page untried = overlap_page(analyse({run}), {});
  CHECK(table_called(untried, "reductions") == nullptr);
  CHECK(says(untried.lead.at(0),
             "the launch reduced gradients with overlap false, buckets of 25 MiB: the run is too short."));
}

TEST_CASE("of joined runs the trial is the first one's, or lies behind its steps") {
  RunData before = chooser(1, 4, 3), after = chooser(2, 4, 3);
  after.header.resumed = Resumed{before.header.uuid, "d", 1, 40};
  after.reduction = {.chosen = {Overlap::after, 25}, .reason = "as chosen"};
  CHECK(join_runs(before, after).reduction->steps == kTrial);
  CHECK(join_runs(before, after).reduction->tried.size() == 2);
  after.reduction = before.reduction;  // the checkpoint was written within the first trial
  CHECK(join_runs(before, after).reduction->steps == 40 + kTrial);
  after.reduction.reset();
  CHECK(join_runs(before, after).reduction->steps == kTrial);
  before.reduction.reset();
  CHECK_FALSE(join_runs(before, after).reduction);
  after.reduction = {.chosen = {}, .reason = "the run is too short"};
  CHECK(join_runs(before, after).reduction->steps == 0);
}
