#include "timing/slowdown.hpp"

#include <algorithm>
#include <thread>

#include "support/closeness.hpp"
#include "support/timed.hpp"
#include "timing/recorder.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

constexpr double kPhase = 0.01;  // seconds
constexpr int kRounds = 3;

void take(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

// Of the steps.
double shortest(const std::vector<StepSpans>& steps, Phase phase) {
  double least = 1e9;
  for (const StepSpans& step : steps)
    for (const PhaseSpan& span : step.phases)
      if (span.phase == phase) least = test::smaller(least, span.interval.end - span.interval.begin);
  return least;
}

}  // namespace

TEST_CASE("forward and backward are stretched, and nothing else") {
  judge_times({}, [] {
    Slowdown slowdown(5);
    StepRecorder recorder(steady_now(), 4);
    recorder.set_slowdown(&slowdown);
    recorder.begin_epoch(kRounds);
    for (int round = 0; round < kRounds; ++round) {
      recorder.begin_step();
      for (const Phase phase : {Phase::data, Phase::forward, Phase::backward, Phase::optimizer}) {
        recorder.enter(phase);
        take(kPhase);
      }
      recorder.end_step();
    }
    const std::vector<StepSpans> steps = recorder.take_epoch();
    for (const Phase phase : {Phase::forward, Phase::backward}) CHECK(shortest(steps, phase) >= 5 * kPhase);
    std::vector<Claim> claims;
    for (const Phase phase : {Phase::data, Phase::optimizer}) {
      CHECK(shortest(steps, phase) >= kPhase);
      claims.push_back(below("what is not slowed", shortest(steps, phase), 4 * kPhase));
    }
    return claims;
  });
}

TEST_CASE("what is owed is paid once, and what was skipped never") {
  judge_times({}, []() -> std::vector<Claim> {
    Slowdown slowdown(5);
    slowdown.enter(Phase::forward);
    take(kPhase);
    SteadyTime begin = steady_now();
    slowdown.catch_up();
    CHECK(seconds_between(begin, steady_now()) >= 4 * kPhase);
    begin = steady_now();
    slowdown.catch_up();
    take(kPhase);
    slowdown.skip();
    slowdown.enter(Phase::wait);
    return {below("after it was paid", seconds_between(begin, steady_now()), 4 * kPhase)};
  });
}
