#include "record/comm_log.hpp"

#include "support/catch.hpp"

using namespace lockstep;

namespace {

const SteadyTime kOrigin = steady_now();

// An operation that is over, or that nobody may ask for its times yet.
struct ToldWork final : Work {
  ToldWork(CollectiveKind what, std::int64_t size, std::int64_t number, int begin) : begin_ms(begin) {
    kind = what;
    bytes = size;
    sequence = number;
  }
  void wait() override {}
  WorkTimes times() override {
    REQUIRE(ended);
    ++asked;
    return {at(begin_ms), at(begin_ms + 1), at(begin_ms + 3)};
  }
  static SteadyTime at(int ms) { return kOrigin + std::chrono::milliseconds(ms); }
  int begin_ms, asked = 0;
  bool ended = true;
};

std::shared_ptr<ToldWork> all_reduce(std::int64_t number, int begin) {
  return std::make_shared<ToldWork>(CollectiveKind::all_reduce, 400, number, begin);
}

}  // namespace

TEST_CASE("a work becomes an interval of its step, with all that the log knew of it") {
  CommLog log(kOrigin);
  WorkLog of_step;
  of_step.add(all_reduce(5, 10), 2);
  of_step.add(std::make_shared<ToldWork>(CollectiveKind::broadcast, 8, 6, 20), -1, /*blocking=*/true);
  log.take(of_step, 3);
  CHECK(of_step.works().empty());
  const std::vector<CommInterval> all = log.take_intervals();
  REQUIRE(all.size() == 2);
  CHECK(all[0].step == 3);
  CHECK(all[0].bucket == 2);
  CHECK(all[0].sequence == 5);
  CHECK(all[0].bytes == 400);
  CHECK(all[0].kind == static_cast<std::int32_t>(CollectiveKind::all_reduce));
  CHECK(all[0].ready == Approx(0.010));
  CHECK(all[0].start == Approx(0.011));
  CHECK(all[0].end == Approx(0.013));
  CHECK_FALSE(all[0].blocking);
  CHECK(all[1].bucket == -1);
  CHECK(all[1].kind == static_cast<std::int32_t>(CollectiveKind::broadcast));
  CHECK(all[1].blocking);
  CHECK(log.take_intervals().empty());  // taken once
}

TEST_CASE("only what has ended is asked for its times, each once, and is let go then") {
  CommLog log(kOrigin);
  WorkLog of_step;
  std::vector<std::shared_ptr<ToldWork>> works;
  for (int step = 0; step < 4; ++step) {
    works.push_back(all_reduce(step, 10 * step));
    works.back()->ended = false;
    of_step.add(works.back(), step);
    log.take(of_step, step);
    if (step > 0) works[static_cast<std::size_t>(step) - 1]->ended = true;
    log.resolve_below(step);
  }
  for (std::size_t step = 0; step < 3; ++step) {
    CHECK(works[step]->asked == 1);
    CHECK(works[step].use_count() == 1);
  }
  CHECK(works[3]->asked == 0);
  works[3]->ended = true;
  const std::vector<CommInterval> all = log.take_intervals();
  REQUIRE(all.size() == 4);
  for (std::size_t step = 0; step < 4; ++step) {
    CHECK(all[step].step == static_cast<std::int32_t>(step));
    CHECK(all[step].ready == Approx(0.01 * static_cast<double>(step)));
  }
}

TEST_CASE("numbers of different channels do not meet") {
  CommLog log(kOrigin);
  WorkLog of_step;
  of_step.add(all_reduce(7, 0), 0);
  of_step.set_channel(1);
  of_step.add(all_reduce(7, 0), 0);
  of_step.add_message(std::make_shared<ToldWork>(CollectiveKind::send, 8, 7, 0), 2);
  log.take(of_step, 0);
  const std::vector<CommInterval> all = log.take_intervals();
  REQUIRE(all.size() == 3);
  CHECK(all[0].sequence == 7);
  CHECK(all[1].sequence != all[0].sequence);
  CHECK(all[2].sequence != all[1].sequence);
  CHECK(all[2].sequence != all[0].sequence);
}
