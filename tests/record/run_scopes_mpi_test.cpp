// Run: scopes that nest, end early or are left by an exception, and what a wrong use says.
#include "record/run_bench.hpp"

using namespace lockstep;
using namespace lockstep::test;

TEST_CASE("a phase within another interrupts it") {
  Bench bench;
  Run run(*bench.communicator, bench.options());
  for (int s = 0; s < kEpochSteps; ++s) {
    auto step = run.step();
    step.samples(bench.ids(s));
    const auto forward = step.phase("forward");
    pause(20);
    {
      const auto data = step.phase("data");
      pause(40);
    }
    pause(20);
  }
  run.epoch();
  run.finish();
  if (!bench.reads()) return;
  const StepTable& t = bench.read(run).steps;
  CHECK(t.forward.at(0, 1) >= 0.040);
  CHECK(t.data.at(0, 1) >= 0.040);
  CHECK(std::abs(parts_of(t, 0, 1) - t.wall.at(0, 1)) < 1e-9);
}

TEST_CASE("phases end in any order, and with their step") {
  Bench bench;
  Run run(*bench.communicator, bench.options());
  {
    auto step = run.step();
    step.samples(bench.ids(0));
    auto outer = step.phase("forward");
    auto inner = step.phase("data");
    outer.end();  // and with it what is within
    pause(20);
    inner.end();
    auto late = step.phase("backward");
    step.end();
    late.end();
    CHECK_THAT(complaint([&] { static_cast<void>(step.phase("data")); }), Contains("the step has ended"));
    CHECK_THAT(complaint([&] { step.samples(1); }), Contains("the step has ended"));
    CHECK_THAT(complaint([&] { step.loss(1); }), Contains("the step has ended"));
  }
  run.epoch({.rows = kBatch});
  run.finish();
  if (!bench.reads()) return;
  const StepTable& t = bench.read(run).steps;
  CHECK(t.other.at(0, 0) >= 0.020);
  CHECK(t.data.at(0, 0) < t.wall.at(0, 0) - 0.020);
}

TEST_CASE("steps without phases are 'other', and the log says so") {
  Bench bench;
  Run run(*bench.communicator, bench.options());
  for (int s = 0; s < kEpochSteps; ++s) {
    auto step = run.step();
    step.samples(bench.ids(s));
    pause(2);
  }
  run.epoch();
  CHECK(run.finish() == ExitCode::done);
  if (!bench.reads()) return;
  const StepTable& t = bench.read(run).steps;
  CHECK(t.other.at(0, 1) == t.wall.at(0, 1));
  CHECK_THAT(text_of(run.folder() + "/log.txt"),
             Contains("3 of 3 steps of the first epoch have no phase: all their time counts as 'other'"));
}

TEST_CASE("what is wrong is said in one line") {
  Bench bench;
  RunOptions options = bench.options();
  {
    Run run(*bench.communicator, options);
    CHECK_THAT(complaint([&] { run.epoch(); }), Contains("epoch 1 has no steps"));
    {
      auto step = run.step();
      CHECK_THAT(
          complaint([&] { static_cast<void>(step.phase("foward")); }),
          Contains("'foward' is not a phase of a step; did you mean 'forward'?") && Contains("optimizer"));
      CHECK_THAT(complaint([&] { static_cast<void>(step.phase("stall")); }),
                 Contains("'stall' is not a phase"));
      CHECK_THAT(complaint([&] { static_cast<void>(run.step()); }), Contains("a step within a step"));
      CHECK_THAT(complaint([&] { run.epoch(); }), Contains("run.epoch() within a step"));
      CHECK_THAT(complaint([&] { step.samples(-1); }), Contains("not negative"));
      CHECK_THAT(complaint([&] { step.loss(torch::ones({2})); }), Contains("2 elements"));
      CHECK_THAT(complaint([&] { step.samples(torch::ones({2})); }), Contains("int64"));
    }
    CHECK_THAT(complaint([&] { run.epoch(); }), Contains("no step of epoch 1 says what it trains on"));
    CHECK_THAT(complaint([&] { Run(*bench.communicator, options); }), Contains("recorded by another run"));
  }
  options.data.train_rows = 0;
  {
    Run run(*bench.communicator, options);
    auto step = run.step();
    CHECK_THAT(complaint([&] { step.samples(bench.ids(0)); }), Contains("RunOptions::data.train_rows"));
  }
  const auto refused = [&](RunOptions wrong) { return complaint([&] { Run(*bench.communicator, wrong); }); };
  RunOptions wrong = options;
  wrong.module = nullptr;
  CHECK_THAT(refused(wrong), Contains("RunOptions::module is not set"));
  wrong = options;
  wrong.model = "a/b";
  CHECK_THAT(refused(wrong), Contains("'a/b', which cannot be the name of a folder"));
  wrong = options;
  wrong.settings["parallel.backend"] = "smoke signals";
  CHECK_THAT(refused(wrong), Contains("'parallel.backend', which the run sets itself"));
  wrong = options;
  wrong.seed = static_cast<std::uint64_t>(bench.world->rank());
  if (bench.world->size() > 1) CHECK_THAT(refused(wrong), Contains("the ranks record different runs: seed"));
  const auto part = bench.world->split(0);
  const auto partial = make_communicator(BackendKind::automatic, torch::kCPU, *part);
  if (part) CHECK_THAT(complaint([&] { Run(*partial, options); }), Contains("made for the World"));
}

TEST_CASE("samples are given as ids or as numbers, not as both") {
  Bench bench;
  Run run(*bench.communicator, bench.options());
  for (int s = 0; s < 2; ++s) {
    auto step = run.step();
    if (s == 0)
      step.samples(bench.ids(0));
    else
      step.samples(4);
  }
  CHECK_THAT(complaint([&] { run.epoch(); }), Contains("some steps give sample ids, others"));
}

TEST_CASE("an exception in a scope that is caught ends its step, and the run goes on") {
  Bench bench;
  Run run(*bench.communicator, bench.options());
  for (int s = 0; s < kEpochSteps; ++s) try {
      auto step = run.step();
      step.samples(bench.ids(s));
      const auto phase = step.phase("forward");
      if (s == 1) throw std::runtime_error("thrown by the test");
    } catch (const std::runtime_error&) {
    }
  run.epoch();
  CHECK(run.finish() == ExitCode::done);
  if (!bench.reads()) return;
  const RunData file = bench.read(run);
  CHECK(file.header.status == "complete");
  CHECK(file.steps.steps() == kEpochSteps);
}

TEST_CASE("an exception that leaves the run makes it a failed one, and says where") {
  Bench bench;
  std::string folder;
  try {
    Run run(*bench.communicator, bench.options());
    folder = run.folder();
    bench.epoch(run);
    auto step = run.step();
    const auto phase = step.phase("forward");
    throw std::runtime_error("thrown by the test");
  } catch (const std::runtime_error&) {
  }
  if (bench.reads()) {
    const RunData file = read_run(folder + "/run.h5");
    CHECK(file.header.status == "failed");
    CHECK(file.header.invalid_reasons.at(0) == "an exception ended the run in training step 4, forward");
    CHECK(file.steps.steps() == kEpochSteps);
  }
  Run again(*bench.communicator, bench.options());  // the communicator is free
  bench.epoch(again);
  CHECK(again.finish() == ExitCode::done);
}

TEST_CASE("steps without an epoch after them are missed") {
  Bench bench;
  std::string folder;
  const bool has_epoch = GENERATE(false, true);
  {
    Run run(*bench.communicator, bench.options());
    folder = run.folder();
    if (has_epoch) bench.epoch(run);
    auto step = run.step();
    step.samples(bench.ids(0));
  }
  if (!bench.reads()) return;
  const RunData file = read_run(folder + "/run.h5");
  CHECK(file.header.status == (has_epoch ? "complete" : "failed"));
  CHECK_THAT(text_of(folder + "/log.txt"), Contains("1 steps after the last epoch are not in the run file"));
  if (!has_epoch) CHECK_THAT(file.header.invalid_reasons.at(0), Contains("before its first epoch"));
}
