#include "timing/recorder.hpp"

#include <thread>

#include "support/timed.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

// A device that reaches its marks only when told to, `lag` marks late, on a clock of its own.
class LateTimeline : public DeviceTimeline {
 public:
  LateTimeline(std::size_t slots, SteadyTime origin) : times_(slots), origin_(origin) {}
  void wait(std::size_t slot) override { waited.push_back(slot); }
  void capture_mark(std::size_t index) override { captured.push_back(index); }
  void* event_of(std::size_t slot) override { return &times_[slot]; }
  void* captured_event(std::size_t index) override { return &captured[index]; }
  // The device comes to a mark of a captured step.
  void replay(void* event) { *static_cast<std::int64_t*>(event) = ++marks_; }
  std::vector<std::size_t> captured, waited;
  void mark(std::size_t slot) override { times_[slot] = ++marks_; }
  bool reached(std::size_t slot) override { return times_[slot] + lag <= marks_; }
  SteadyTime time_of(std::size_t slot) override { return origin_ + std::chrono::milliseconds(times_[slot]); }
  std::int64_t lag = 0;

 private:
  std::vector<std::int64_t> times_;
  SteadyTime origin_;
  std::int64_t marks_ = 0;
};

void one_step(StepRecorder& recorder) {
  recorder.begin_step();
  recorder.enter(Phase::forward);
  recorder.enter(Phase::backward);
  recorder.end_step();
}

}  // namespace

TEST_CASE("phases follow each other without gaps and steps cover the time between") {
  StepRecorder recorder(steady_now(), 2);
  recorder.begin_epoch(3);
  for (int i = 0; i < 3; ++i) {
    one_step(recorder);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  const auto steps = recorder.take_epoch();
  REQUIRE(steps.size() == 3);
  for (std::size_t s = 0; s < 3; ++s) {
    double sum = 0;
    for (const PhaseSpan& span : steps[s].phases) sum += span.interval.end - span.interval.begin;
    CHECK(sum == Approx(steps[s].whole.end - steps[s].whole.begin));
    if (s > 0) CHECK(steps[s].whole.begin == steps[s - 1].whole.end);
  }
  CHECK(steps[0].whole.end - steps[0].whole.begin > 0.002);  // the sleep after it belongs to it
  CHECK(recorder.resolved_steps() == 3);
}

TEST_CASE("an excluded gap belongs to no step") {
  judge_times({}, []() -> std::vector<Claim> {
    StepRecorder recorder(steady_now(), 2);
    recorder.begin_epoch(2);
    one_step(recorder);
    recorder.exclude_gap();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    one_step(recorder);
    const auto steps = recorder.take_epoch();
    CHECK(steps[1].whole.begin - steps[0].whole.end > 0.004);
    return {below("the step before the gap", steps[0].whole.end - steps[0].whole.begin, 0.004)};
  });
}

TEST_CASE("device marks are read late, in order, and completely") {
  const SteadyTime origin = steady_now();
  for (const std::int64_t lag : {0, 3, 100}) {
    LateTimeline timeline(StepRecorder::timeline_slots(2), origin);
    timeline.lag = lag;
    StepRecorder recorder(origin, 2, &timeline);
    recorder.begin_epoch(20);
    for (int i = 0; i < 20; ++i) one_step(recorder);
    CHECK(recorder.resolved_steps() < 20);
    const auto steps = recorder.take_epoch();
    REQUIRE(steps.size() == 20);
    for (std::size_t s = 0; s < 20; ++s) {  // two marks a step, a millisecond apart
      CHECK(steps[s].whole.begin == Approx(1e-3 * static_cast<double>(2 * s + 1)));
      CHECK(steps[s].whole.end == Approx(1e-3 * static_cast<double>(2 * s + 3)));
      REQUIRE(steps[s].phases.size() == (s == 19 ? 3 : 2));
      CHECK(steps[s].phases[0].phase == Phase::forward);
      CHECK(steps[s].phases[0].interval.end - steps[s].phases[0].interval.begin == Approx(1e-3));
    }
  }
}

TEST_CASE("on a device an excluded gap begins with a mark of its own") {
  const SteadyTime origin = steady_now();
  LateTimeline timeline(StepRecorder::timeline_slots(2), origin);
  StepRecorder recorder(origin, 2, &timeline);
  recorder.begin_epoch(2);
  one_step(recorder);  // marks at 1 and 2 ms
  recorder.exclude_gap();
  timeline.mark(7);  // the gap: a millisecond
  one_step(recorder);
  const auto steps = recorder.take_epoch();
  REQUIRE(steps.size() == 2);
  CHECK(steps[0].whole.end == Approx(3e-3));
  CHECK(steps[1].whole.begin == Approx(5e-3));
  CHECK(recorder.counts().by_host == 6);
}

TEST_CASE("a captured step notes its phases and marks nothing") {
  const SteadyTime origin = steady_now();
  LateTimeline timeline(StepRecorder::timeline_slots(3), origin);
  StepRecorder recorder(origin, 3, &timeline);
  recorder.begin_epoch(1);
  recorder.begin_capture();
  recorder.enter(Phase::forward);
  recorder.enter(Phase::optimizer);
  CHECK(recorder.end_capture() == std::vector<Phase>{Phase::forward, Phase::optimizer});
  CHECK(timeline.captured == std::vector<std::size_t>{0, 1});
  CHECK(recorder.counts().by_host == 0);
}

TEST_CASE("a replayed mark is read only when a mark of the host after it has been reached") {
  const SteadyTime origin = steady_now();
  LateTimeline timeline(StepRecorder::timeline_slots(3), origin);
  StepRecorder recorder(origin, 3, &timeline);
  recorder.begin_epoch(50);
  const std::vector<Phase> phases = {Phase::forward, Phase::backward};
  for (int i = 0; i < 50; ++i) {
    recorder.begin_step();
    recorder.enter(Phase::data);
    std::vector<void*> events;
    recorder.enter_replayed(phases, [&](std::size_t, void* event) { events.push_back(event); });
    // What the slots show now is of an earlier step: it must not have been read.
    CHECK(recorder.resolved_steps() == i);
    REQUIRE(events.size() == 2);
    for (void* event : events) timeline.replay(event);
    recorder.end_step();
  }
  const auto steps = recorder.take_epoch();
  REQUIRE(steps.size() == 50);
  for (std::size_t s = 0; s < 50; ++s) {
    CHECK(steps[s].whole.begin == Approx(1e-3 * static_cast<double>(3 * s + 1)));
    CHECK(steps[s].phases[1].phase == Phase::forward);
    CHECK(steps[s].phases[2].phase == Phase::backward);
    for (const PhaseSpan& span : steps[s].phases)
      if (span.phase != Phase::other) CHECK(span.interval.end - span.interval.begin == Approx(1e-3));
  }
  CHECK(recorder.counts().by_host == 51);
  CHECK(recorder.counts().replayed == 100);
}

TEST_CASE("a mark costs less than a tenth of a millisecond") { CHECK(measure_mark_cost(nullptr) < 1e-4); }
