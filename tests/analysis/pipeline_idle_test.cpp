// What stages stand still for: messages on the wire, or each other.
#include "analysis/metrics/pipeline_idle.hpp"
#include "analysis/render/render.hpp"
#include "analysis/support/synthetic_run.hpp"
#include "analysis/tables/pages.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

constexpr double kMs = 1e-3;

void add_event(RunData& run, int rank, int step, std::int64_t sequence, const char* kind, std::int64_t bytes,
               double start, double end) {
  CommTable& c = run.comm;
  c.rank.push_back(rank);
  c.step.push_back(step);
  c.bucket.push_back(-1);
  c.sequence.push_back(sequence);
  c.bytes.push_back(bytes);
  c.kind.emplace_back(kind);
  c.ready.push_back(start);
  c.start.push_back(start);
  c.end.push_back(end);
}

void add_pass(RunData& run, int rank, int step, int direction, double start, double end) {
  StageTable& s = run.stages;
  s.rank.push_back(rank);
  s.step.push_back(step);
  s.stage.push_back(rank);
  s.micro_batch.push_back(0);
  s.direction.push_back(direction);
  s.start.push_back(start);
  s.end.push_back(end);
}

// Two stages, layer-wise, 20 ms a step of each: stage 0 works from 0 to 3 and from 12 to 17 ms, stage 1 from
// 4 to 11 ms. Messages take 1 ms. At the end both come to an all-reduce of 4 bytes, stage 1 at 12 ms, stage 0
// at 17 ms, which ends at 17.5 ms; the optimizer takes the rest. As recorded, all that is asked for is
// exposed.
RunData layerwise() {
  RunData run = make_run({.mode = "mp", .ranks = 2});
  run.settings["parallel.schedule"] = "layerwise";
  run.comm = {};
  run.steps = empty_steps(2, run.steps.steps());
  StepTable& t = run.steps;
  for (int s = 0; s < t.steps(); ++s) {
    const double at = 20 * kMs * s;
    const auto ms = [&](double v) { return at + v * kMs; };
    for (int r = 0; r < 2; ++r) {
      t.start.at(r, s) = at;
      t.wall.at(r, s) = 20 * kMs;
      t.optimizer.at(r, s) = 2.5 * kMs;
      t.samples.at(r, s) = 32;
      t.epoch.at(r, s) = s / 40;
    }
    t.forward.at(0, s) = 3 * kMs;
    t.backward.at(0, s) = 5 * kMs;
    t.forward.at(1, s) = 3 * kMs;
    t.backward.at(1, s) = 4 * kMs;
    t.comm_exposed.at(0, s) = 9.5 * kMs;
    t.comm_exposed.at(1, s) = 10.5 * kMs;
    add_pass(run, 0, s, 0, at, ms(3));
    add_pass(run, 1, s, 0, ms(4), ms(7));
    add_pass(run, 1, s, 1, ms(7), ms(11));
    add_pass(run, 0, s, 1, ms(12), ms(17));
    const std::int64_t down = (std::int64_t{1} << 40) + s, up = (std::int64_t{2} << 40) + s;
    add_event(run, 0, s, down, "send", 1000, ms(3), ms(4));
    add_event(run, 1, s, down, "recv", 1000, at, ms(4));
    add_event(run, 1, s, up, "send", 3000, ms(11), ms(12));
    add_event(run, 0, s, up, "recv", 3000, ms(4), ms(12));
    add_event(run, 0, s, s, "all_reduce", 4, ms(17), ms(17.5));
    add_event(run, 1, s, s, "all_reduce", 4, ms(12), ms(17.5));
  }
  return run;
}

RunData booked(RunData run) {
  book_idle_as_bubble(run);
  return run;
}

}  // namespace

TEST_CASE("a stage that waits for another is idle, but for what is on the wire") {
  const RunData run = booked(layerwise());
  CHECK(run.steps.comm_exposed.at(0, 5) == Approx(2.5 * kMs));  // two messages, half of the all-reduce's 1 ms
  CHECK(run.steps.bubble.at(0, 5) == Approx(7 * kMs));
  CHECK(run.steps.comm_exposed.at(1, 5) == Approx(2.5 * kMs));
  CHECK(run.steps.bubble.at(1, 5) == Approx(8 * kMs));
}

TEST_CASE("a transfer under a pass is hidden, and never more is exposed than was recorded") {
  RunData run = layerwise();
  for (double& end : run.stages.end) end += 1 * kMs;  // over the messages behind each pass
  run.steps.comm_exposed.at(1, 5) = 0.2 * kMs;
  book_idle_as_bubble(run);
  CHECK(run.steps.comm_exposed.at(0, 5) <= 1.5 * kMs);
  CHECK(run.steps.comm_exposed.at(1, 5) <= 0.2 * kMs + 1e-12);
  CHECK(run.steps.comm_exposed.at(1, 5) + run.steps.bubble.at(1, 5) == Approx(0.2 * kMs));
}

TEST_CASE("a run without messages, and an event without its other end, stay as they are") {
  const RunData ddp = make_run(usual_ddp(1));
  CHECK(booked(ddp).steps.comm_exposed.values == ddp.steps.comm_exposed.values);
  RunData run = layerwise();
  run.comm = {};
  add_event(run, 0, 5, 1, "send", 1000, 0.1, 0.12);
  book_idle_as_bubble(run);
  CHECK(run.steps.comm_exposed.at(0, 5) == Approx(9.5 * kMs));  // from 0.1 to 0.12 s less its passes, 12 ms
}

TEST_CASE("the measured bubble is never below that of the schedule") {
  const Analysis analysis = analyse({booked(layerwise())});
  const std::string page = render(pipeline_page(analysis, {}), Format::csv);
  // Of 2 x 17.5 ms the stages compute 15; of the rest 5 ms are transfer.
  CHECK(says(page, "mp x2,layerwise,2,1,0.571428571,"));
  CHECK(says(page, ",0.5,0.5\n"));
}

TEST_CASE("a parameter server is no pipeline") {
  RunData run = layerwise();
  run.header.mode = "ps";
  CHECK(says(render(pipeline_page(analyse({booked(run)}), {}), Format::table), "No run is a pipeline"));
}

TEST_CASE("the bandwidth of a pipeline is that of its messages, and transfer is part of the total") {
  const Analysis analysis = analyse({booked(layerwise())});
  const GroupSummary& group = group_named(analysis, "mp x2");
  REQUIRE(group.algorithm_bandwidth);
  CHECK(*group.algorithm_bandwidth == Approx(4000 / (2 * kMs)));
  CHECK(*group.bus_bandwidth == Approx(4000 / (2 * kMs)));
  REQUIRE(group.ratio_total);
  CHECK(group.ratio_transfer->value >= group.ratio_total->value);
  // What is lost is the bubble, not the exchange of gradients; the step without transfer is known.
  CHECK(group.parallel.pop->transfer->value == Approx(17.5 / 20));
  CHECK(lacks(render(pop_page(analysis, {}), Format::table), "no events"));
}
