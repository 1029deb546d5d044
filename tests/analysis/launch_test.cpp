#include "analysis/runs/launch.hpp"

#include "analysis/checks/rules.hpp"
#include "analysis/support/synthetic_run.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;
using Q = Quantity;

TEST_CASE("a run is reduced to the mean over its ranks") {
  const Launch launch =
      make_launch(make_run({.mode = "ddp", .ranks = 4, .transfer = 2e-3, .late = 4e-3}), "x");
  CHECK(launch.usable());
  CHECK(launch.ranks == 4);
  CHECK(launch.global_batch == 64);
  CHECK(launch.rows_trained == 2 * 40 * 64);
  CHECK(launch.steps.size() == 80);
  const Quantities& step = launch.steps.front();
  CHECK(step[Q::samples] == 64);
  CHECK(step[Q::transfer] == Approx(2e-3));
  CHECK(step[Q::wait] == Approx(3e-3));  // three of four ranks wait 4 ms
  CHECK(step[Q::comm] == Approx(5e-3));
  CHECK(step[Q::backward] == Approx(21e-3));
  CHECK(launch.last_arrivals == std::vector<std::int64_t>{0, 0, 0, 80});
  CHECK(launch.training_seconds == Approx(80 * step[Q::wall]));
}

TEST_CASE("warm-up is found, or taken from measure.warmup") {
  RunData run = make_run({.slow_steps = 5, .jitter = 0.01});
  CHECK(make_launch(run, "x").warmup == 5);
  CHECK_FALSE(make_launch(run, "x").warmup_given);
  run.settings["measure.warmup"] = "12";
  CHECK(make_launch(run, "x").warmup == 12);
  CHECK(make_launch(run, "x").warmup_given);
  run.settings["measure.warmup"] = "100000";
  CHECK(make_launch(run, "x").steady().size() == 1);
}

TEST_CASE("columns and tables that a file may lack are not needed") {
  RunData run = make_run({.mode = "ddp", .ranks = 2, .transfer = 1e-3});
  run.steps.bubble = {};
  run.comm = {};
  run.ranks.clear();
  run.settings.clear();
  const Launch launch = make_launch(run, "x");
  CHECK(launch.usable());
  CHECK(launch.steps.front()[Q::comm] == Approx(1e-3));  // from the column
  CHECK(launch.steps.front()[Q::transfer] == 0);
}

TEST_CASE("a run without a step is no run to use") {
  RunData run = make_run({});
  run.steps = {};
  run.epochs.clear();
  run.audit.clear();
  const Launch launch = checked_launch(run, "x");
  CHECK_FALSE(launch.usable());
  CHECK(launch.ranks == 1);
}
