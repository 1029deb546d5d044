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

TEST_CASE("rows are found by step, in the table's order; those of no step are left out") {
  const std::vector<std::int32_t> steps = {1, 0, -1, 1, 1000, 2, 1};
  const RowsByStep rows(steps, 4);
  CHECK(rows.of(0).size() == 1);
  const auto of_one = rows.of(1);
  CHECK(std::vector<std::size_t>(of_one.begin(), of_one.end()) == std::vector<std::size_t>{0, 3, 6});
  CHECK(rows.of(3).empty());
}

TEST_CASE("collectives are matched across ranks, the first to begin leads") {
  RunData run = make_run({.mode = "ddp", .ranks = 4, .transfer = 2e-3, .late = 4e-3});
  const auto collectives = StepCollectives(run.comm, 4, run.steps.steps()).of(7);
  REQUIRE(collectives.size() == 1);
  CHECK(collectives[0].transfer == Approx(2e-3));
  REQUIRE(collectives[0].rows.size() == 4);
  CHECK(run.comm.rank[collectives[0].rows.back()] == 3);  // the late one
  run.comm.sequence[0] = 100'000;                         // rank 0's part of step 0 is alone now
  const auto parted = StepCollectives(run.comm, 4, run.steps.steps()).of(0);
  REQUIRE(parted.size() == 2);
  CHECK(parted[0].rows.size() == 3);
  CHECK(parted[0].transfer == 0);
  CHECK(parted[1].transfer == 0);
}

TEST_CASE("the place of the median") {
  CHECK(place_of_median(std::vector<double>{5, 1, 3}) == 2);
  CHECK(place_of_median(std::vector<double>{1, 2, 3, 100}) == 1);
}
