#include "launch/stall_detector.hpp"

#include "support/catch.hpp"

using namespace lockstep;

namespace {

StallDetector three_ranks() { return {{"a", "b", "c"}, {.seconds = 10, .setting = "parallel.timeout_s"}}; }

bool says(const std::optional<Stall>& stall, const std::string& words) {
  INFO((stall ? stall->line : "no stall"));
  CHECK(stall);
  CHECK((stall && stall->line.find(words) != std::string::npos));
  return stall.has_value();
}

}  // namespace

TEST_CASE("nobody stands still while all are heard of and get on") {
  StallDetector detector = three_ranks();
  for (int second = 0; second < 100; ++second) {
    detector.advance(1);
    for (int rank = 0; rank < 3; ++rank) detector.heard(rank, {.idle = 9, .waits = true, .doing = "waits"});
    REQUIRE_FALSE(detector.stalled());
  }
}

TEST_CASE("a rank that is not heard of is the one, though the others wait as long") {
  StallDetector detector = three_ranks();
  detector.heard(1, {.idle = 0, .waits = false, .doing = "training step 7, backward"});
  for (int tick = 0; tick < 10; ++tick) {
    REQUIRE_FALSE(detector.stalled());
    detector.advance(1);
    detector.heard(0, {.idle = 1.0 + tick, .waits = true, .doing = "waits in all_reduce number 35"});
    detector.heard(2, {.idle = 1.0 + tick, .waits = true, .doing = "waits in all_reduce number 35"});
  }
  const auto stall = detector.stalled();
  says(stall, "rank 1 on host b has given no sign of life for 10 s (last: training step 7, backward)");
  says(stall, "; rank 0 waits in all_reduce number 35; parallel.timeout_s allows 10 s");
  CHECK(stall->rank == 1);
}

TEST_CASE("a rank that works on something of its own goes before those that wait for it") {
  StallDetector detector = three_ranks();
  detector.heard(0, {.idle = 10.2, .waits = true, .doing = "waits in all_reduce number 3"});
  detector.heard(1, {.idle = 10.1, .waits = true, .doing = "waits in all_reduce number 3"});
  detector.heard(2, {.idle = 9.9, .waits = false, .doing = "training step 2, data"});
  const auto stall = detector.stalled();
  says(stall, "rank 2 on host c has made no progress for 9.9 s (training step 2, data)");
  CHECK(stall->rank == 2);
}

TEST_CASE("a rank that has just begun to work on its own is not blamed for those that wait for each other") {
  StallDetector detector = three_ranks();
  detector.heard(0, {.idle = 10.2, .waits = true, .doing = "waits in recv number 3 from rank 1"});
  detector.heard(1, {.idle = 10.1, .waits = true, .doing = "waits in recv number 4 from rank 0"});
  detector.heard(2, {.idle = 0.1, .waits = false, .doing = "training step 2, data"});
  const auto stall = detector.stalled();
  says(stall, "rank 0 on host a has made no progress for 10.2 s (waits in recv number 3 from rank 1)");
  says(stall, "; rank 1 waits in recv number 4 from rank 0");
}

TEST_CASE("a rank that has ended is not missed") {
  StallDetector detector = three_ranks();
  detector.ignore(1);
  detector.ignore(2);
  detector.advance(100);
  detector.heard(0, {});
  REQUIRE_FALSE(detector.stalled());
}

TEST_CASE("one rank alone is the run") {
  StallDetector detector({"a"}, {.seconds = 2, .setting = "parallel.timeout_s"});
  detector.heard(0, {.idle = 2.5, .waits = false, .doing = "reading the data"});
  says(detector.stalled(), "the run has made no progress for 2.5 s (reading the data)");
}

TEST_CASE("what a rank tells of itself arrives as it was") {
  for (const Pulse& pulse :
       {Pulse{1.25, true, "waits in barrier"}, Pulse{0, false, ""}, Pulse{3, false, "a, b  c"}}) {
    const Pulse back = Pulse::parse(pulse.text());
    CHECK(back.idle == pulse.idle);
    CHECK(back.waits == pulse.waits);
    CHECK(back.doing == pulse.doing);
  }
}

TEST_CASE("a rank that has left while all others wait is the one, long before the limit") {
  StallDetector detector({"a", "b", "c"}, {.seconds = 300, .setting = "the limit"});
  detector.left(1);
  detector.heard(0, {.idle = 6, .waits = true, .doing = "waits in all_reduce number 3"});
  detector.heard(2, {.idle = 6, .waits = false, .doing = "training step 3, forward"});
  CHECK_FALSE(detector.stalled());  // rank 2 may still come to where rank 0 waits
  detector.heard(2, {.idle = 4, .waits = true, .doing = "waits in all_reduce number 3"});
  CHECK_FALSE(detector.stalled());
  detector.heard(2, {.idle = 5.5, .waits = true, .doing = "waits in all_reduce number 3"});
  const auto stall = detector.stalled();
  says(stall,
       "rank 1 on host b has ended; rank 0 waits in all_reduce number 3; all ranks must take the same "
       "number of steps");
  CHECK(stall->rank == 1);
}

TEST_CASE("once rank 0 has left, a rank that waits speaks for itself") {
  StallDetector detector = three_ranks();
  for (const int rank : {1, 2}) detector.ignore(rank);
  detector.left(0);
  detector.watch(2);
  detector.heard(2, {.idle = 3, .waits = true, .doing = "waits in all_reduce number 3"});
  CHECK_FALSE(detector.stalled());
  detector.heard(2, {.idle = 4, .waits = true, .doing = "waits in all_reduce number 3"});
  says(detector.stalled(), "rank 0 on host a has ended; rank 2 waits in all_reduce number 3");
}
