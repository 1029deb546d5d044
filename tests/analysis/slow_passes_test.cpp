// Why passes take longer on several ranks, told apart by runs of which it is known.
#include "analysis/model/slow_passes.hpp"
#include "analysis/support/synthetic_run.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

// Passes of a rank's 64 samples take 30 ms alone in train_seq; of 32, by the batch alone, 18; beside a second
// rank 22; beside communication 25.
RunData seq(int batch, double compute) {
  RunData run = make_run({.batch = batch,
                          .uuid = "seq" + std::to_string(batch),
                          .forward = compute / 3,
                          .backward = compute * 2 / 3});
  run.settings["training.global_batch"] = std::to_string(batch);
  return run;
}

RunData ddp(double compute, const std::string& ablation) {
  RunData run = make_run({.mode = "ddp",
                          .ranks = 2,
                          .uuid = "ddp" + ablation,
                          .forward = compute / 3,
                          .backward = compute * 2 / 3,
                          .transfer = ablation == "none" ? 2e-3 : 0});
  run.settings["parallel.ablation"] = ablation;
  return run;
}

SlowPasses passes_among(const std::vector<RunData>& runs) {
  const Analysis analysis = analyse(runs);
  const WorkloadSummary& workload = analysis.summaries.front();
  const GroupSummary *group = nullptr, *base = nullptr;
  for (const GroupSummary& g : workload.groups) {
    const Launch& launch = g.group->any();
    if (launch.header.uuid == "ddpnone") group = &g;
    if (launch.header.uuid == "seq64") base = &g;
  }
  REQUIRE(group);
  REQUIRE(base);
  const auto found = slow_passes(workload, *group, *base);
  REQUIRE(found);
  return *found;
}

double seconds_by(const SlowPasses& passes, SlowPasses::Cause::Kind kind) {
  for (const SlowPasses::Cause& cause : passes.causes)
    if (cause.kind == kind) return cause.seconds;
  return -1;
}

}  // namespace

TEST_CASE("each cause is told by the run that shows it, and they add up") {
  const SlowPasses found =
      passes_among({seq(64, 30e-3), seq(32, 18e-3), ddp(25e-3, "none"), ddp(22e-3, "no_comm")});
  using Kind = SlowPasses::Cause::Kind;
  CHECK(found.seconds == Approx(10e-3));
  CHECK(seconds_by(found, Kind::smaller_batch) == Approx(3e-3));
  CHECK(seconds_by(found, Kind::communication) == Approx(3e-3));
  CHECK(seconds_by(found, Kind::shared_memory) == Approx(4e-3));
  CHECK(found.is_told());
  CHECK(says(words_for(found), "Passes take 10.0 ms longer"));
}

TEST_CASE("what cannot be told is said, with the run that would tell it") {
  const SlowPasses found = passes_among({seq(64, 30e-3), ddp(25e-3, "none")});
  REQUIRE(found.causes.size() == 1);
  CHECK(found.causes.front().seconds == Approx(10e-3));
  CHECK_FALSE(found.is_told());
  CHECK(says(words_for(found), "train_seq with --set training.global_batch=32"));
  CHECK(says(words_for(found), "--set parallel.ablation=no_comm"));
}

TEST_CASE("the passes of a stage are not compared with those of the whole model") {
  RunData stage = ddp(25e-3, "none");
  stage.header.mode = "mp";
  const Analysis analysis = analyse({seq(64, 30e-3), stage});
  const WorkloadSummary& workload = analysis.summaries.front();
  CHECK_FALSE(slow_passes(workload, workload.groups.back(), workload.groups.front()));
}

TEST_CASE("passes that take no longer have no cause") {
  const Analysis analysis = analyse({seq(64, 30e-3), ddp(15e-3, "none")});
  const WorkloadSummary& workload = analysis.summaries.front();
  CHECK_FALSE(slow_passes(workload, workload.groups.back(), workload.groups.front()));
}
