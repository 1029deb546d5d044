#include "launch/stall_detector.hpp"

#include <atomic>
#include <chrono>
#include <thread>

#include "launch/flight_recorder.hpp"
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

// Within ten seconds.
template <typename Condition>
bool comes_true(const Condition& condition) {
  for (int i = 0; i < 1000 && !condition(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  return condition();
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

TEST_CASE("the flight recorder says what is open, and keeps the last 16 operations") {
  FlightRecorder recorder;
  CHECK(recorder.now().empty());
  CHECK_FALSE(recorder.expects_progress());
  recorder.activity.enter("training step", 12);
  recorder.activity.enter(Phase::backward);
  CHECK(recorder.now() == "training step 12, backward");
  CHECK(recorder.expects_progress());
  for (int i = 0; i < 20; ++i)
    recorder.end(recorder.begin({.name = "all_reduce", .sequence = i, .bytes = 8}));
  const auto open =
      recorder.begin({.name = "recv", .sequence = 3, .peer = 1, .preposition = "from", .bytes = 40});
  CHECK(recorder.now() == "training step 12, backward");  // its caller computes on
  {
    const FlightRecorder::Wait wait(&recorder);
    CHECK(recorder.waits());
    CHECK(recorder.now() == "waits in recv number 3 from rank 1, training step 12, backward");
  }
  const std::vector<std::string> last = recorder.last();
  REQUIRE(last.size() == FlightRecorder::kKept);
  CHECK(last.front().starts_with("all_reduce number 5, 8 bytes, begun "));
  CHECK(last.front().find(" took ") != std::string::npos);
  CHECK(last.back().starts_with("recv number 3 from rank 1, 40 bytes, begun "));
  CHECK(last.back().ends_with("not ended"));
  const std::uint64_t before = recorder.activity.count();
  recorder.end(open);
  CHECK(recorder.activity.count() > before);
}

TEST_CASE("an operation on a device is waited for until its source has seen its end") {
  struct Device final : FlightRecorder::Source {
    FlightRecorder* recorder = nullptr;
    FlightRecorder::Id id = 0;
    void end_finished() override { recorder->end(id); }
  };
  FlightRecorder recorder;
  Device device;
  device.recorder = &recorder;
  recorder.add(&device);
  device.id = recorder.begin({.name = "all_reduce"}, FlightRecorder::Runs::on_device);
  CHECK(recorder.waits());
  recorder.ask_sources();
  CHECK(comes_true([&] { return !recorder.waits(); }));
  recorder.ask_sources();  // twice is as good as once
  CHECK_FALSE(recorder.waits());
  recorder.remove(&device);
  recorder.begin({.name = "send"}, FlightRecorder::Runs::on_device);
  recorder.ask_sources();
  CHECK(recorder.waits());
  for (int i = 0; i < 16; ++i) recorder.begin({.name = "recv"});  // pushes it out
  CHECK_FALSE(recorder.waits());
}

TEST_CASE("a driver that gives no answer keeps nobody who asks, nor what is to be aborted") {
  struct Hung final : FlightRecorder::Source {
    std::atomic<bool> asked{false}, answers{false};
    void end_finished() override {
      asked = true;
      answers.wait(false);
    }
  };
  struct Communicator final : FlightRecorder::Abortable {
    std::atomic<bool> aborted{false};
    void abort() override { aborted = true; }
  };
  FlightRecorder recorder;
  Hung hung;
  Communicator communicator;
  recorder.add(&hung);
  recorder.add(&communicator);
  recorder.begin({.name = "recv"}, FlightRecorder::Runs::on_device);
  recorder.ask_sources();
  REQUIRE(comes_true([&] { return hung.asked.load(); }));
  recorder.ask_sources();
  CHECK(recorder.now() == "waits in recv");
  recorder.abort_all(std::chrono::seconds(60));
  CHECK(communicator.aborted);
  hung.answers = true;
  hung.answers.notify_all();
  recorder.remove(&hung);
  recorder.remove(&communicator);
}

TEST_CASE("an abort that hangs is not waited for") {
  struct Hung final : FlightRecorder::Abortable {
    std::atomic<bool> ends{false}, ended{false};
    void abort() override {
      ends.wait(false);
      ended = true;
    }
  };
  FlightRecorder recorder;
  Hung hung;
  recorder.add(&hung);
  recorder.abort_all(std::chrono::milliseconds(10));
  CHECK_FALSE(hung.ended);
  hung.ends = true;
  hung.ends.notify_all();
  recorder.remove(&hung);  // waits for it
  CHECK(hung.ended);
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
       "rank 1 on host b has ended; rank 0 waits in all_reduce number 3; every rank has to take as many "
       "steps as the others");
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
