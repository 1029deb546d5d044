#include "train/learning_rate_schedule.hpp"

#include "support/catch.hpp"

using namespace lockstep;

namespace {
RunConfig::Training training(ScheduleKind kind, std::int64_t warmup) {
  RunConfig::Training t;
  t.optimizer.lr = 0.8;
  t.schedule = {kind, warmup};
  return t;
}
}  // namespace

TEST_CASE("a constant schedule is constant") {
  for (const std::int64_t step : {0, 5, 99})
    CHECK(learning_rate(training(ScheduleKind::constant, 0), step, 100) == 0.8);
}

TEST_CASE("warm-up rises linearly to the full rate and is followed by the schedule") {
  const auto t = training(ScheduleKind::constant, 3);
  CHECK(learning_rate(t, 0, 10) == Approx(0.2));
  CHECK(learning_rate(t, 1, 10) == Approx(0.4));
  CHECK(learning_rate(t, 2, 10) == Approx(0.6));
  CHECK(learning_rate(t, 3, 10) == Approx(0.8));
}

TEST_CASE("linear and cosine decay start at the full rate, pass half-way and never go below zero") {
  for (const ScheduleKind kind : {ScheduleKind::linear, ScheduleKind::cosine}) {
    const auto t = training(kind, 10);
    CHECK(learning_rate(t, 10, 110) == Approx(0.8));
    CHECK(learning_rate(t, 60, 110) == Approx(0.4));
    CHECK(learning_rate(t, 110, 110) == Approx(0).margin(1e-12));
    CHECK(learning_rate(t, 500, 110) >= -1e-12);
  }
}
