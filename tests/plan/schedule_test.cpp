// Order, completeness, absence of deadlock, micro-batches in flight and idle time of the pipeline schedules.
#include "plan/schedule.hpp"

#include <algorithm>

#include "base/random.hpp"
#include "parallel/support.hpp"
#include "plan/schedule_simulation.hpp"

using namespace lockstep;
using Kind = Action::Kind;

namespace {

struct Shape {
  PipelineSchedule schedule;
  int stages, micro_batches, chunks;
};

// Every schedule on 1 to 6 stages with 1 to 9 micro-batches (interleaved: 2 and 3 chunks).
std::vector<Shape> shapes() {
  std::vector<Shape> result;
  for (int p = 1; p <= 6; ++p) {
    for (int m = 1; m <= 9; ++m) {
      for (const auto s :
           {PipelineSchedule::layerwise, PipelineSchedule::gpipe, PipelineSchedule::one_f_one_b})
        result.push_back({s, p, m, 1});
      for (const int v : {2, 3})
        if (m % p == 0) result.push_back({PipelineSchedule::interleaved, p, m, v});
    }
  }
  return result;
}

StageActions made(const Shape& shape) {
  return make_schedule(shape.schedule, shape.stages, shape.micro_batches, shape.chunks);
}

std::string text(const std::vector<Action>& actions) {
  std::string result;
  for (const Action& a : actions)
    result += fmt::format("{}{}.{} ", a.kind == Kind::forward ? 'F' : 'B', a.micro_batch, a.chunk);
  return result;
}

ChunkTimes random_times(int chunks, RandomStream& stream, bool transfers) {
  ChunkTimes times = ChunkTimes::equal(chunks, 0, 0);
  for (double& seconds : times.forward) seconds = stream.uniform();
  for (double& seconds : times.backward) seconds = 2 * stream.uniform();
  for (int c = 1; c < chunks && transfers; ++c) times.transfer.push_back(stream.uniform());
  return times;
}

std::string refusal(PipelineSchedule schedule, int stages, int micro_batches, int chunks) {
  return message_of([&] { make_schedule(schedule, stages, micro_batches, chunks); });
}

}  // namespace

TEST_CASE("the schedules are those of their sources") {
  CHECK(text(make_schedule(PipelineSchedule::layerwise, 3, 2)[1]) == "F0.1 B0.1 F1.1 B1.1 ");
  CHECK(text(make_schedule(PipelineSchedule::gpipe, 2, 3)[0]) == "F0.0 F1.0 F2.0 B0.0 B1.0 B2.0 ");
  const StageActions flushed = make_schedule(PipelineSchedule::one_f_one_b, 3, 4);
  CHECK(text(flushed[0]) == "F0.0 F1.0 F2.0 B0.0 F3.0 B1.0 B2.0 B3.0 ");
  CHECK(text(flushed[1]) == "F0.1 F1.1 B0.1 F2.1 B1.1 F3.1 B2.1 B3.1 ");
  CHECK(text(flushed[2]) == "F0.2 B0.2 F1.2 B1.2 F2.2 B2.2 F3.2 B3.2 ");
  // Narayanan et al. 2021, figure 4, counted from 0: 4 devices, 8 micro-batches, 2 chunks a device.
  const StageActions interleaved = make_schedule(PipelineSchedule::interleaved, 4, 8, 2);
  CHECK(text(interleaved[0]) ==
        "F0.0 F1.0 F2.0 F3.0 F0.4 F1.4 F2.4 F3.4 F4.0 F5.0 F6.0 B0.4 F7.0 B1.4 F4.4 B2.4 F5.4 B3.4 F6.4 B0.0 "
        "F7.4 B1.0 B2.0 B3.0 B4.4 B5.4 B6.4 B7.4 B4.0 B5.0 B6.0 B7.0 ");
  CHECK(text(interleaved[3]) ==
        "F0.3 F1.3 F2.3 F3.3 F0.7 B0.7 F1.7 B1.7 F2.7 B2.7 F3.7 B3.7 F4.3 B0.3 F5.3 B1.3 F6.3 B2.3 F7.3 B3.3 "
        "F4.7 B4.7 F5.7 B5.7 F6.7 B6.7 F7.7 B7.7 B4.3 B5.3 B6.3 B7.3 ");
}

TEST_CASE("every schedule is complete, keeps order and never deadlocks, at any times") {
  RandomStream stream({1});
  for (const Shape& shape : shapes()) {
    CAPTURE(name_of(shape.schedule), shape.stages, shape.micro_batches, shape.chunks);
    const StageActions schedule = made(shape);
    const int chunks = shape.stages * shape.chunks;
    REQUIRE(chunk_count(schedule) == chunks);
    REQUIRE(micro_batch_count(schedule) == shape.micro_batches);
    const ChunkTimes times = random_times(chunks, stream, true);
    const Timeline timeline = simulate(schedule, times);  // throws when incomplete or stuck
    // Micro-batches pass a chunk in order, forward and backward: messages between two stages need no numbers.
    std::vector<int> next_forward(static_cast<std::size_t>(chunks), 0), next_backward = next_forward;
    for (const auto& stage : schedule) {
      CHECK(stage.size() == static_cast<std::size_t>(2 * shape.micro_batches * shape.chunks));
      for (const Action& a : stage) {
        auto& next = a.kind == Kind::forward ? next_forward : next_backward;
        CHECK(a.micro_batch == next[static_cast<std::size_t>(a.chunk)]++);
      }
    }
    for (const auto& stage : timeline.stages)
      for (std::size_t i = 1; i < stage.size(); ++i) CHECK(stage[i].start >= stage[i - 1].end);
  }
}

TEST_CASE("no pass begins before its input has arrived") {
  RandomStream stream({2});
  for (const Shape& shape : shapes()) {
    const int chunks = shape.stages * shape.chunks;
    const ChunkTimes times = random_times(chunks, stream, true);
    const Timeline timeline = simulate(made(shape), times);
    const auto find = [&](Kind kind, int chunk, int m) {
      const auto& stage = timeline.stages[static_cast<std::size_t>(chunk % shape.stages)];
      return *std::find_if(stage.begin(), stage.end(), [&](const TimedAction& t) {
        return t.action == Action{kind, chunk, m};
      });
    };
    for (int c = 0; c + 1 < chunks; ++c) {
      const double transfer = shape.stages > 1 ? times.transfer[static_cast<std::size_t>(c)] : 0;
      for (int m = 0; m < shape.micro_batches; ++m) {
        CHECK(find(Kind::forward, c + 1, m).start >= find(Kind::forward, c, m).end + transfer);
        CHECK(find(Kind::backward, c, m).start >= find(Kind::backward, c + 1, m).end + transfer);
      }
    }
  }
}

TEST_CASE("micro-batches in flight") {
  for (const Shape& shape : shapes()) {
    CAPTURE(name_of(shape.schedule), shape.stages, shape.micro_batches, shape.chunks);
    const int p = shape.stages;
    const int m = shape.micro_batches;
    const Timeline timeline = simulate(made(shape), ChunkTimes::equal(p * shape.chunks, 1, 1));
    for (int s = 0; s < p; ++s) {
      int expected = 1;
      if (shape.schedule == PipelineSchedule::gpipe) expected = m;
      if (shape.schedule == PipelineSchedule::one_f_one_b) expected = std::min(p - s, m);
      if (shape.schedule == PipelineSchedule::interleaved)
        expected = std::min(2 * (p - 1 - s) + (shape.chunks - 1) * p + 1, m * shape.chunks);
      CHECK(timeline.peak_in_flight[static_cast<std::size_t>(s)] == expected);
      if (shape.chunks == 1) CHECK(peak_in_flight(made(shape))[static_cast<std::size_t>(s)] == expected);
    }
  }
}

TEST_CASE("bytes held are weighed by chunk") {
  // F0.0 F1.0 F0.2 F1.2 B0.2 ...: all of both chunks at once on stage 0 of 2.
  const StageActions schedule = make_schedule(PipelineSchedule::interleaved, 2, 2, 2);
  CHECK(peak_held(schedule[0], {100, 0, 1, 0}) == 202);
  CHECK(peak_in_flight(schedule) == std::vector<int>{2, 2, 2, 1});
}

TEST_CASE("idle time is what the formulas say when all passes are equal") {
  for (const Shape& shape : shapes()) {
    CAPTURE(name_of(shape.schedule), shape.stages, shape.micro_batches, shape.chunks);
    for (const double backward : {1.0, 2.0}) {
      const Timeline timeline =
          simulate(made(shape), ChunkTimes::equal(shape.stages * shape.chunks, 1, backward));
      const double share = ideal_idle_share(shape.schedule, shape.stages, shape.micro_batches, shape.chunks);
      CHECK(timeline.idle_share() == Approx(share).margin(1e-12));
      for (const double idle : timeline.idle) CHECK(idle == Approx(share * timeline.makespan).margin(1e-9));
    }
  }
  CHECK(ideal_idle_share(PipelineSchedule::gpipe, 4, 8) == Approx(3.0 / 11));
  CHECK(ideal_idle_share(PipelineSchedule::one_f_one_b, 4, 8) == Approx(3.0 / 11));
  CHECK(ideal_idle_share(PipelineSchedule::interleaved, 4, 8, 2) == Approx(3.0 / 19));
  CHECK(ideal_idle_share(PipelineSchedule::layerwise, 4, 8) == Approx(3.0 / 4));
}

TEST_CASE("step times: the filled pipeline with equal stages, and the bound that always holds") {
  RandomStream stream({3});
  for (const Shape& shape : shapes()) {
    CAPTURE(name_of(shape.schedule), shape.stages, shape.micro_batches, shape.chunks);
    const int chunks = shape.stages * shape.chunks;
    const ChunkTimes times = random_times(chunks, stream, false);
    std::vector<double> seconds;
    for (std::size_t c = 0; c < times.forward.size(); ++c)
      seconds.push_back(times.forward[c] + times.backward[c]);
    const double makespan = simulate(made(shape), times).makespan;
    CHECK(makespan >= least_step_seconds(seconds, shape.stages, shape.micro_batches) * (1 - 1e-12));
    if (shape.schedule == PipelineSchedule::layerwise) {
      CHECK(makespan == Approx(shape.micro_batches * least_step_seconds(seconds, shape.stages, 1)));
      continue;
    }
    const std::vector<double> equal(static_cast<std::size_t>(chunks), 3.0);
    const double balanced = simulate(made(shape), ChunkTimes::equal(chunks, 1, 2)).makespan;
    CHECK(balanced == Approx(least_step_seconds(equal, shape.stages, shape.micro_batches)));
    if (shape.chunks == 1) CHECK(balanced == Approx(filled_pipeline_seconds(equal, shape.micro_batches)));
  }
}

TEST_CASE("with unequal stages a step can be shorter than the filled pipeline") {
  const StageActions schedule = make_schedule(PipelineSchedule::one_f_one_b, 2, 8);
  const double makespan = simulate(schedule, {{1, 0.1}, {1, 0.1}, {}}).makespan;
  const std::vector<double> seconds = {2, 0.2};
  CHECK(makespan == Approx(16));
  CHECK(filled_pipeline_seconds(seconds, 8) == Approx(7 * 2 + 2.2));
  CHECK(least_step_seconds(seconds, 2, 8) == Approx(16));
}

TEST_CASE("a transfer delays, and one within a stage is free") {
  const StageActions two = make_schedule(PipelineSchedule::layerwise, 2, 3);
  CHECK(simulate(two, {{1, 1}, {2, 2}, {0.5}}).makespan == Approx(3 * 7));
  const StageActions one = make_schedule(PipelineSchedule::interleaved, 1, 3, 2);
  CHECK(simulate(one, {{1, 1}, {2, 2}, {0.5}}).makespan == Approx(3 * 6));
}

TEST_CASE("a schedule that cannot run is refused") {
  const ChunkTimes times = ChunkTimes::equal(2, 1, 1);
  const StageActions good = make_schedule(PipelineSchedule::gpipe, 2, 2);

  StageActions stuck = good;  // backward before its own forward pass
  std::swap(stuck[1][1], stuck[1][2]);
  CHECK_NOTHROW(simulate(stuck, times));  // F0 B0 F1 B1 is 1f1b's order on the last stage
  std::swap(stuck[1][0], stuck[1][1]);
  CHECK_THROWS_WITH(simulate(stuck, times),
                    "schedule: stage 0 waits forever for the input of the backward pass of micro-batch 0 "
                    "through chunk 0");
  StageActions crossed = good;  // each stage waits for the other
  std::rotate(crossed[0].begin(), crossed[0].begin() + 2, crossed[0].end());
  CHECK_THROWS_WITH(simulate(crossed, times), Catch::Contains("waits forever"));

  StageActions missing = good;
  missing[1].pop_back();
  CHECK_THROWS_WITH(simulate(missing, times),
                    "schedule: the backward pass of micro-batch 1 through chunk 1 is there 0 times");
  StageActions twice = good;
  twice[0].push_back(twice[0].front());
  CHECK_THROWS_WITH(simulate(twice, times), Catch::Contains("is there 2 times"));
  StageActions misplaced = good;
  std::swap(misplaced[0], misplaced[1]);
  CHECK_THROWS_WITH(simulate(misplaced, times), Catch::Contains("stage 0 of 2 has"));
}

TEST_CASE("times that do not fit the schedule are refused") {
  const StageActions schedule = make_schedule(PipelineSchedule::gpipe, 2, 2);
  CHECK_THROWS_AS(simulate(schedule, ChunkTimes::equal(3, 1, 1)), Error);
  CHECK_THROWS_AS(simulate(schedule, {{1, 1}, {1, 1}, {1, 1}}), Error);
  CHECK_THROWS_AS(simulate(schedule, {{1, 1}, {1, -1}, {}}), Error);
}

TEST_CASE("impossible shapes are refused in one line with the numbers and a way out") {
  CHECK(refusal(PipelineSchedule::gpipe, 0, 4, 1) == "the number of stages is 0, it must be at least 1");
  CHECK(refusal(PipelineSchedule::gpipe, 2, 0, 1) ==
        "the number of micro-batches is 0, it must be at least 1");
  CHECK(
      refusal(PipelineSchedule::interleaved, 4, 6, 2) ==
      "the schedule 'interleaved' needs a multiple of the 4 stages as number of micro-batches, not 6; use 4 "
      "or 8");
  CHECK(
      refusal(PipelineSchedule::interleaved, 4, 3, 2) ==
      "the schedule 'interleaved' needs a multiple of the 4 stages as number of micro-batches, not 3; use 4");
  CHECK(refusal(PipelineSchedule::interleaved, 4, 8, 1) ==
        "the schedule 'interleaved' needs at least 2 chunks per stage, not 1; use 1f1b");
  CHECK(refusal(PipelineSchedule::one_f_one_b, 4, 8, 2) ==
        "the schedule '1f1b' takes 1 chunk per stage, not 2; use interleaved");
}
