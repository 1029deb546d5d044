// The watchdog ends its process, so each case has one of its own; what it hears of the other ranks comes from
// the test.
#include "launch/watchdog.hpp"

#include <sys/socket.h>

#include <chrono>
#include <thread>

#include "support/catch.hpp"
#include "support/child.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

// The two ends of a lifeline.
struct Lifeline {
  Lifeline() {
    int ends[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    here.emplace_back(FileDescriptor(ends[0]));
    there.emplace_back(FileDescriptor(ends[1]));
  }
  // What the watchdog tells, until something of this kind.
  std::string wait_for(LifelineKind kind) {
    for (int i = 0; i < 6000 && there.at(0).open(); ++i) {
      for (const LifelineMessage& message : there.at(0).receive())
        if (message.kind == kind) return message.text;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return "nothing";
  }
  std::vector<LifelineConnection> here, there;
};

WatchdogOptions options_of(int rank, Lifeline& line) {
  WatchdogOptions options;
  options.program = "program";
  options.rank = rank;
  options.hosts = {"a", "b"};
  options.peers = std::move(line.here);
  return options;
}

WatchdogOptions alone() {
  WatchdogOptions options;
  options.program = "program";
  return options;
}

// In the child: a watchdog, and the body beside it.
template <typename Body>
void guarded(WatchdogOptions options, const Body& body) {
  const SignalBlock block;
  Watchdog watchdog(std::move(options));
  watchdog.on_emergency([](const Emergency& emergency) {
    print_failure("handler", emergency.message);
    for (const std::string& detail : emergency.details) print_failure("detail", detail);
  });
  body(watchdog);
}

void wait_for_the_end(Watchdog&) {
  for (;;) pause();
}

void wait_until_taken(int signal) {
  sigset_t pending;
  do {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    sigpending(&pending);
  } while (sigismember(&pending, signal) != 0);
}

}  // namespace

TEST_CASE("a signal ends a run with one line, after the handler was told") {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU}) {
    const Ended ended = in_child([&] {
      ::signal(signal, SIG_DFL);
      guarded(alone(), [&](Watchdog& watchdog) {
        kill(getpid(), signal);
        wait_for_the_end(watchdog);
      });
    });
    const std::string said = "interrupted by SIG" + std::string(sigabbrev_np(signal)) + '\n';
    CHECK(ended.code == 1);
    CHECK(ended.errors == "program: " + said + "handler: " + said);
  }
}

TEST_CASE("a signal that somebody ignores is not taken") {
  const Ended ended = in_child([] {
    signal(SIGHUP, SIG_IGN);
    guarded(alone(), [](Watchdog&) { kill(getpid(), SIGHUP); });
  });
  CHECK(ended.code == 0);
  CHECK(ended.errors.empty());
}

TEST_CASE("a body that throws ends the run with its code and its line, and knows without the handler") {
  const Ended ended = in_child([] {
    guarded(alone(), [](Watchdog& watchdog) { watchdog.fail(ExitCode::bad_input, "a.yaml:3: wrong"); });
  });
  CHECK(ended.code == 2);
  CHECK(ended.errors == "program: a.yaml:3: wrong\n");
}

TEST_CASE("a handler that was taken back is not called, and one that throws is reported") {
  const auto ended_by = [](const std::function<void(const Emergency&)>& handler) {
    return in_child([&] {
      guarded(alone(), [&](Watchdog& watchdog) {
        watchdog.on_emergency(handler);
        kill(getpid(), SIGTERM);
        wait_for_the_end(watchdog);
      });
    });
  };
  CHECK(ended_by({}).errors == "program: interrupted by SIGTERM\n");
  const Ended thrown = ended_by([](const Emergency&) { throw run_error("the disk is full"); });
  CHECK(thrown.errors == "program: interrupted by SIGTERM\nprogram: the disk is full\n");
  CHECK(thrown.code == 1);
}

TEST_CASE("a clean end says bye, and does not win over a fault that is being looked into") {
  Lifeline line;
  Child child([&] {
    line.there.clear();
    guarded(options_of(0, line), [](Watchdog&) {});
  });
  line.here.clear();
  CHECK(line.wait_for(LifelineKind::bye).empty());
  CHECK(child.end().code == 0);

  Lifeline other;
  Child faulty([&] {
    other.there.clear();
    guarded(options_of(0, other), [](Watchdog&) {
      kill(getpid(), SIGTERM);
      wait_until_taken(SIGTERM);
    });
  });
  other.here.clear();
  CHECK(other.wait_for(LifelineKind::ending) == "1 interrupted by SIGTERM");
  CHECK(faulty.end().code == 1);
}

TEST_CASE("a rank that is lost is named by rank 0, which ends all") {
  Lifeline line;
  Child child([&] {
    line.there.clear();
    WatchdogOptions options = options_of(0, line);
    options.end_all = [](int code) { print_failure("all", std::to_string(code)); };
    guarded(std::move(options), wait_for_the_end);
  });
  line.here.clear();
  line.there.clear();  // as the kernel closes it
  const Ended ended = child.end();
  CHECK(ended.code == 1);
  CHECK(ended.errors ==
        "program: rank 1 on host b was lost; all ranks end\nhandler: rank 1 on host b was lost\nall: 1\n");
}

TEST_CASE("a rank that said bye is not lost") {
  Lifeline line;
  Child child([&] {
    line.there.clear();
    guarded(options_of(0, line), [](Watchdog&) { std::this_thread::sleep_for(std::chrono::seconds(1)); });
  });
  line.here.clear();
  line.there.at(0).send(LifelineKind::bye);
  line.there.clear();
  const Ended ended = child.end();
  CHECK(ended.code == 0);
  CHECK(ended.errors.empty());
}

TEST_CASE("another rank's fault is told to rank 0, which says who it was") {
  Lifeline line;
  Child child([&] {
    line.there.clear();
    guarded(options_of(0, line), wait_for_the_end);
  });
  line.here.clear();
  line.there.at(0).send(LifelineKind::error, "2 a.yaml:3: wrong");
  CHECK(line.wait_for(LifelineKind::ending) == "2 a.yaml:3: wrong");
  const Ended ended = child.end();
  CHECK(ended.code == 2);
  CHECK(ended.errors == "program: a.yaml:3: wrong (rank 1)\nhandler: a.yaml:3: wrong\n");
}

TEST_CASE("a rank but the first leaves the line to rank 0, and ends with its code when told to") {
  Lifeline line;
  Child child([&] {
    line.there.clear();
    guarded(options_of(1, line),
            [](Watchdog& watchdog) { watchdog.fail(ExitCode::bad_input, "a.yaml:3: wrong"); });
  });
  line.here.clear();
  CHECK(line.wait_for(LifelineKind::error) == "2 a.yaml:3: wrong");
  line.there.at(0).send(LifelineKind::ending, "2 a.yaml:3: wrong");
  const Ended ended = child.end();
  CHECK(ended.code == 2);
  CHECK(ended.errors.find("program: ") == std::string::npos);
}

TEST_CASE("rank 1 speaks when rank 0 is lost") {
  Lifeline line;
  Child child([&] {
    line.there.clear();
    guarded(options_of(1, line), wait_for_the_end);
  });
  line.here.clear();
  line.there.clear();
  const Ended ended = child.end();
  CHECK(ended.code == 1);
  CHECK(ended.errors.find("program: rank 0 on host a was lost; all ranks end\n") == 0);
}

TEST_CASE("who stands still longer than the limit is ended, with its last operations") {
  const Ended ended = in_child([] {
    FlightRecorder flight;
    WatchdogOptions options = alone();
    options.limit = {.seconds = 0.5, .setting = "the limit"};
    options.flight = &flight;
    flight.end(flight.begin({.name = "broadcast", .sequence = 4, .bytes = 8}));
    flight.activity.enter("reading a file");
    guarded(std::move(options), wait_for_the_end);
  });
  CHECK(ended.code == 1);
  CHECK(ended.errors.find("program: the run has made no progress for ") == 0);
  CHECK(ended.errors.find(" s (reading a file); the limit allows 0.5 s\n") != std::string::npos);
  CHECK(ended.errors.find("\ndetail: rank 0: broadcast number 4, 8 bytes, begun ") != std::string::npos);
}

TEST_CASE("who gets on is not ended, however long it takes") {
  const Ended ended = in_child([] {
    FlightRecorder flight;
    WatchdogOptions options = alone();
    options.limit = {.seconds = 1, .setting = "the limit"};
    options.flight = &flight;
    flight.activity.enter("reading a file");
    guarded(std::move(options), [&](Watchdog&) {
      for (int i = 0; i < 30; ++i) {
        flight.activity.progress();
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
      }
    });
  });
  CHECK(ended.code == 0);
  CHECK(ended.errors.empty());
}
