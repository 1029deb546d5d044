#include "analysis/model/step_timeline.hpp"

#include "analysis/support/synthetic_run.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

TEST_CASE("phases lie end to end from the step's begin to its end") {
  const RunData run = make_run({.mode = "ddp", .ranks = 2, .transfer = 2e-3, .late = 1e-3});
  const auto spans = phase_spans(run.steps, 0, 3);
  REQUIRE(spans.size() == 6);  // data, forward, backward, exposed communication, optimizer, other
  CHECK(spans.front().begin == run.steps.start.at(0, 3));
  for (std::size_t i = 1; i < spans.size(); ++i) CHECK(spans[i].begin == spans[i - 1].end);
  CHECK(spans.back().end == Approx(run.steps.start.at(0, 3) + run.steps.wall.at(0, 3)));
  CHECK(spans[3].phase == Quantity::comm_exposed);
  CHECK(spans[3].end - spans[3].begin == Approx(3e-3));
}

TEST_CASE("events are found by step, in the file's order; those of no step are left out") {
  RunData run = make_run({.mode = "ddp", .ranks = 2, .steps = 5, .transfer = 2e-3});
  run.comm.step[0] = -1;
  run.comm.step[1] = 1000;
  const EventsByStep events = events_by_step(run.comm, run.steps.steps());
  CHECK(events.order.size() == run.comm.size() - 2);
  CHECK(events.begin[1] - events.begin[0] == 1);
  CHECK(events.begin[3] - events.begin[2] == 2);
  CHECK(events.order[events.begin[2]] < events.order[events.begin[2] + 1]);
}

TEST_CASE("collectives are matched across ranks, the first to begin leads") {
  const RunData run = make_run({.mode = "ddp", .ranks = 4, .transfer = 2e-3, .late = 4e-3});
  const EventsByStep events = events_by_step(run.comm, run.steps.steps());
  const auto collectives = collectives_of(run.comm, events, 7, 4);
  REQUIRE(collectives.size() == 1);
  CHECK(collectives[0].transfer == Approx(2e-3));
  REQUIRE(collectives[0].rows.size() == 4);
  CHECK(run.comm.rank[collectives[0].rows.back()] == 3);  // the late one
  CHECK(collectives_of(run.comm, events, 7, 5)[0].transfer == 0);
}

TEST_CASE("the place of the median") {
  CHECK(place_of_median(std::vector<double>{5, 1, 3}) == 2);
  CHECK(place_of_median(std::vector<double>{1, 2, 3, 100}) == 1);
}
