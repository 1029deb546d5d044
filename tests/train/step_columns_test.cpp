#include "train/step_columns.hpp"

#include "support/catch.hpp"

using namespace lockstep;

namespace {

// data [0,1) h2d [1,2) forward [2,5) backward [5,10) wait [10,12) optimizer [12,13) other [13,13.5)
StepSpans spans() {
  return {{0, 13.5},
          {{Phase::data, {0, 1}},
           {Phase::h2d, {1, 2}},
           {Phase::forward, {2, 5}},
           {Phase::backward, {5, 10}},
           {Phase::wait, {10, 12}},
           {Phase::optimizer, {12, 13}},
           {Phase::other, {13, 13.5}}}};
}

double sum(const StepRow& r) {
  return r.data + r.h2d + r.forward + r.backward + r.comm_exposed + r.optimizer + r.bubble + r.other;
}

}  // namespace

TEST_CASE("communication under backward is overlapped, the rest exposed, and the budget closes") {
  const StepRow row = step_row(spans(), {{.bucket = 0, .ready = 6, .start = 6, .end = 8},
                                         {.bucket = 1, .ready = 9, .start = 9, .end = 11.5}});
  CHECK(row.comm == Approx(4.5));
  CHECK(row.comm_exposed == Approx(1.5));
  CHECK(row.backward == Approx(5));
  CHECK(row.other == Approx(1.0));  // the wait's end, and the gap after the step
  CHECK(sum(row) == Approx(row.wall));
}

TEST_CASE("compute that stands still for a blocking collective is not compute") {
  const StepRow row = step_row(spans(), {{.ready = 3, .start = 3.2, .end = 4, .blocking = true}});
  CHECK(row.forward == Approx(2));
  CHECK(row.comm_exposed == Approx(0.8));
  CHECK(sum(row) == Approx(row.wall));
}

TEST_CASE("overlapping transfers count once, and what ends after the step is clipped") {
  const StepRow row = step_row(spans(), {{.start = 10, .end = 11}, {.start = 10.5, .end = 99}});
  CHECK(row.comm == Approx(3.5));
  CHECK(row.comm_exposed == Approx(2.5));
}

TEST_CASE("without communication there is none") {
  const StepRow row = step_row(spans(), {});
  CHECK(row.comm == 0);
  CHECK(row.comm_exposed == 0);
  CHECK(row.other == Approx(2.5));
}
