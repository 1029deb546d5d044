#include "launch/flight_recorder.hpp"

#include <atomic>
#include <chrono>
#include <thread>

#include "support/catch.hpp"

using namespace lockstep;

namespace {

// Within ten seconds.
template <typename Condition>
bool comes_true(const Condition& condition) {
  for (int i = 0; i < 1000 && !condition(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  return condition();
}

}  // namespace

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
    std::atomic<bool> begun{false}, ends{false}, ended{false};
    void abort() override {
      begun = true;
      ends.wait(false);
      ended = true;
    }
  };
  FlightRecorder recorder;
  Hung hung;
  recorder.add(&hung);
  recorder.abort_all(std::chrono::milliseconds(10));
  REQUIRE(comes_true([&] { return hung.begun.load(); }));
  CHECK_FALSE(hung.ended);
  hung.ends = true;
  hung.ends.notify_all();
  recorder.remove(&hung);  // waits for it
  CHECK(hung.ended);
}

TEST_CASE("how an operation is called") {
  CHECK(describe({.name = "barrier"}) == "barrier");
  CHECK(describe({.name = "all_reduce", .sequence = 0}) == "all_reduce number 0");
  CHECK(describe({.name = "send", .sequence = 7, .peer = 0, .preposition = "to"}) ==
        "send number 7 to rank 0");
}

TEST_CASE("an operation that newer ones have pushed out does not end one of them") {
  FlightRecorder recorder;
  const auto old = recorder.begin({.name = "recv", .sequence = 0});
  for (std::size_t i = 0; i < FlightRecorder::kKept; ++i)
    recorder.begin({.name = "recv", .sequence = static_cast<std::int64_t>(i) + 1});
  recorder.end(old);
  for (const std::string& line : recorder.last()) CHECK(line.ends_with("not ended"));
}

TEST_CASE("a blocking call is waited for while it lasts, also where nobody records") {
  FlightRecorder recorder;
  {
    const FlightRecorder::Call call(&recorder, {.name = "control barrier", .sequence = 2});
    const FlightRecorder::Call unrecorded(nullptr, {.name = "control barrier"});
    CHECK(recorder.now() == "waits in control barrier number 2");
  }
  CHECK_FALSE(recorder.waits());
  CHECK(recorder.last().back().find(" took ") != std::string::npos);
}
