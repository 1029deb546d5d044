#include "timing/recorder.hpp"

#include <array>
#include <thread>

#include "support/timed.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

// A device that reaches its marks only when told to, `lag` marks late, on a clock of its own.
class LateTimeline : public DeviceTimeline {
 public:
  LateTimeline(std::size_t slots, SteadyTime origin) : times_(slots), origin_(origin) {}
  void mark(std::size_t slot) override { times_[slot] = ++marks_; }
  bool reached(std::size_t slot) override { return times_[slot] + lag <= marks_; }
  SteadyTime time_of(std::size_t slot) override { return origin_ + std::chrono::milliseconds(times_[slot]); }
  SteadyTime time_of_stamp(std::uint64_t stamp) override {
    return origin_ + std::chrono::milliseconds(stamp);
  }
  // The device comes to something that is no event.
  std::uint64_t pass() { return static_cast<std::uint64_t>(++marks_); }
  std::int64_t lag = 0;

 private:
  std::vector<std::int64_t> times_;
  SteadyTime origin_;
  std::int64_t marks_ = 0;
};

// Of steps of two phases, whose device is `lag` replays behind the host.
class LateReplays : public ReplayMarks {
 public:
  explicit LateReplays(LateTimeline& timeline) : timeline_(timeline) {}
  void launch() {
    for (int i = 0; i < 3; ++i) stamps_.push_back(timeline_.pass());
  }
  bool reached(std::int64_t replay, std::size_t) override { return (replay + lag + 1) * 3 <= size(); }
  std::uint64_t stamp(std::int64_t replay, std::size_t mark) override {
    const std::int64_t place = replay * 3 + static_cast<std::int64_t>(mark);
    REQUIRE(place < size());
    return stamps_[static_cast<std::size_t>(place)];
  }
  std::int64_t lag = 0;

 private:
  std::int64_t size() const { return static_cast<std::int64_t>(stamps_.size()); }
  LateTimeline& timeline_;
  std::vector<std::uint64_t> stamps_;
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
  CHECK(recorder.counts().made == 6);
}

TEST_CASE("a captured step notes its phases and marks nothing") {
  const SteadyTime origin = steady_now();
  LateTimeline timeline(StepRecorder::timeline_slots(3), origin);
  StepRecorder recorder(origin, 3, &timeline);
  recorder.begin_epoch(1);
  std::vector<std::size_t> captured;
  std::array<std::uint64_t, 4> words{};
  recorder.begin_capture({.mark = [&](std::size_t i) { captured.push_back(i); },
                          .place = [&](std::size_t i) { return DeviceMark{words.data() + i}; }});
  recorder.offer_mark();  // nobody takes it
  recorder.enter(Phase::forward);
  CHECK(recorder.offer_mark().take().word == &words[1]);
  recorder.enter(Phase::backward);
  CHECK_FALSE(recorder.offer_mark().taken());
  recorder.enter(Phase::wait);
  CHECK(recorder.enter_with_kernel(Phase::optimizer).word == &words[3]);
  std::vector<Phase> phases;
  std::vector<bool> carried;
  for (const StepRecorder::CapturedPhase& p : recorder.end_capture()) {
    phases.push_back(p.phase);
    carried.push_back(p.carried);
  }
  CHECK(phases == std::vector<Phase>{Phase::forward, Phase::backward, Phase::wait, Phase::optimizer});
  CHECK(carried == std::vector<bool>{false, true, false, true});
  CHECK(captured == std::vector<std::size_t>{0, 2});
  CHECK(recorder.counts().made == 0);
  CHECK_FALSE(recorder.offer_mark().take());  // no capture any more
  CHECK_FALSE(recorder.enter_with_kernel(Phase::other));
}

TEST_CASE("replayed steps mark themselves, between others that do not, however late they are read") {
  for (const std::int64_t lag : {0, 1, 2}) {
    CAPTURE(lag);
    const SteadyTime origin = steady_now();
    LateTimeline timeline(StepRecorder::timeline_slots(4),
                          origin + std::chrono::hours(1));  // ahead of the host
    LateReplays replays(timeline);
    replays.lag = lag;
    StepRecorder recorder(origin, 4, &timeline);
    recorder.begin_epoch(60);
    const std::vector<StepRecorder::CapturedPhase> phases = {{Phase::forward, true},
                                                             {Phase::backward, false}};
    std::int64_t replayed = 0;
    const auto replays_step = [](int i) { return i % 7 > 1; };
    for (int i = 0; i < 60; ++i) {
      recorder.begin_step();
      recorder.enter(Phase::data);
      CHECK(recorder.resolved_steps() <= i);
      CHECK(recorder.resolved_steps() >= i - lag - 3);
      if (replays_step(i)) {
        recorder.enter_on_host(Phase::h2d);
        recorder.enter_replayed(phases, replays, replayed++);
        replays.launch();
      } else {
        recorder.enter(Phase::forward);
      }
      recorder.end_step();
    }
    const auto steps = recorder.take_epoch();
    CHECK(recorder.counts().replayed == replayed);
    CHECK(recorder.counts().carried > replayed);  // the ends as well
    REQUIRE(steps.size() == 60);
    for (std::size_t s = 0; s < 60; ++s) {
      CAPTURE(s);
      const bool replay = replays_step(static_cast<int>(s));
      REQUIRE(steps[s].phases.size() == (replay ? 4U : 2U) + (s == 59 ? 1U : 0U));
      CHECK(steps[s].phases[0].phase == Phase::data);
      if (s > 0) CHECK(steps[s].whole.begin == steps[s - 1].whole.end);
      double sum = 0;
      for (const PhaseSpan& span : steps[s].phases) sum += span.interval.end - span.interval.begin;
      CHECK(sum == Approx(steps[s].whole.end - steps[s].whole.begin));
      if (!replay) continue;
      CHECK(steps[s].phases[1].phase == Phase::h2d);
      CHECK(steps[s].phases[2].phase == Phase::forward);
      CHECK(steps[s].phases[2].interval.end - steps[s].phases[2].interval.begin == Approx(1e-3));
      CHECK(steps[s].phases[3].phase == Phase::backward);
      CHECK(steps[s].phases[3].interval.end - steps[s].phases[3].interval.begin == Approx(1e-3));
    }
  }
}

TEST_CASE("a phase that the host begins does not begin before the device has come so far") {
  const SteadyTime origin = steady_now();
  LateTimeline timeline(StepRecorder::timeline_slots(4), origin + std::chrono::hours(1));
  StepRecorder recorder(origin, 4, &timeline);
  recorder.begin_epoch(1);
  recorder.begin_step();
  recorder.enter(Phase::data);
  recorder.enter_on_host(Phase::h2d);
  recorder.enter(Phase::forward);
  recorder.end_step();
  const auto steps = recorder.take_epoch();
  CHECK(steps[0].phases[0].interval.begin == steps[0].phases[1].interval.begin);
  CHECK(steps[0].phases[1].interval.end - steps[0].phases[1].interval.begin == Approx(1e-3));
}

TEST_CASE("a phase that the host begins takes nothing from what the device does next") {
  const SteadyTime origin = steady_now() - std::chrono::seconds(5);  // the host's clock is far ahead
  LateTimeline timeline(StepRecorder::timeline_slots(4), origin);
  StepRecorder recorder(origin, 4, &timeline);
  recorder.begin_epoch(1);
  recorder.begin_step();
  recorder.enter(Phase::data);
  recorder.enter_on_host(Phase::h2d);
  recorder.enter(Phase::forward);
  recorder.enter(Phase::backward);
  recorder.end_step();
  const auto steps = recorder.take_epoch();
  REQUIRE(steps[0].phases.size() == 5);
  for (const std::size_t device : {0U, 2U, 3U})
    CHECK(steps[0].phases[device].interval.end - steps[0].phases[device].interval.begin == Approx(1e-3));
  CHECK(steps[0].phases[1].interval.begin == steps[0].phases[1].interval.end);
}

TEST_CASE("a mark costs less than a tenth of a millisecond") {
  judge_times({}, []() -> std::vector<Claim> {
    const double cost = measure_mark_cost(nullptr);
    CHECK(cost > 0);
    return {below("a mark", cost, 1e-4)};
  });
}

TEST_CASE("the time of a step that has just ended is known, and what follows belongs to none") {
  const SteadyTime origin = steady_now();
  constexpr std::size_t kPhasesPerStep = 2;
  LateTimeline timeline(StepRecorder::timeline_slots(kPhasesPerStep), origin);
  timeline.lag = 1;
  StepRecorder recorder(origin, kPhasesPerStep, &timeline);
  recorder.begin_epoch(3);
  one_step(recorder);
  one_step(recorder);
  CHECK(recorder.time_step() == Approx(2e-3));  // two phases of 1 ms
  timeline.pass();
  one_step(recorder);
  const std::vector<StepSpans> steps = recorder.take_epoch();
  REQUIRE(steps.size() == 3);
  CHECK(steps[1].whole.end - steps[1].whole.begin == Approx(2e-3));
  CHECK(steps[2].whole.begin - steps[1].whole.end == Approx(2e-3));  // the mark of its begin, and what passed
}

TEST_CASE("on the host a step's time is that of its last mark") {
  StepRecorder recorder(steady_now(), 2);
  recorder.begin_epoch(2);
  one_step(recorder);
  recorder.begin_step();
  recorder.enter(Phase::forward);
  std::this_thread::sleep_for(std::chrono::milliseconds(3));
  recorder.end_step();
  const double seconds = recorder.time_step();
  CHECK(seconds >= 3e-3);
  const std::vector<StepSpans> steps = recorder.take_epoch();
  CHECK(steps[1].whole.end - steps[1].whole.begin == Approx(seconds));
}
