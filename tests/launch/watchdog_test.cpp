// The watchdog ends its process, so each case has one of its own; what it hears of the other ranks comes from
// the test.
#include "launch/watchdog.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/temporary_folder.hpp"

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

TEST_CASE(
    "a signal that comes when the watchdog has gone kills nobody, but not one that was blocked before") {
  const Ended ended = in_child([] {
    sigset_t later;
    sigemptyset(&later);
    sigaddset(&later, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &later, nullptr);
    {
      const SignalBlock block;
      for (const int signal : {SIGTERM, SIGUSR1, SIGUSR2}) kill(getpid(), signal);
    }
    sigpending(&later);
    if (sigismember(&later, SIGUSR2) != 1) _exit(7);
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

namespace {

// Reads a byte of a mapped file that has been cut short, once a watchdog is there, in the thread that calls.
void touch_cut_file(const std::string& path) {
  const int file = open(path.c_str(), O_RDWR | O_CREAT, 0600);
  if (ftruncate(file, 3 * 4096) != 0) std::abort();
  const auto* const bytes =
      static_cast<const volatile char*>(mmap(nullptr, 3 * 4096, PROT_READ, MAP_PRIVATE, file, 0));
  if (ftruncate(file, 100) != 0) std::abort();
  static_cast<void>(bytes[2 * 4096 + 5]);
}

}  // namespace

TEST_CASE("memory of a file that was cut short ends a run with its name, in whatever thread it is read") {
  const TemporaryFolder folder;
  const std::string path = folder / "rows of data";
  const auto refusal = fmt::format(
      "{}: was cut short or removed while it was being read: byte 8197 is gone; put the whole file back and "
      "start again, from a checkpoint if there is one (--resume)",
      path);
  for (const bool in_thread : {false, true}) {
    const Ended ended = in_child([&] {
      guarded(alone(), [&](Watchdog& watchdog) {
        if (!in_thread) touch_cut_file(path);
        std::thread([&] { touch_cut_file(path); }).detach();
        wait_for_the_end(watchdog);
      });
    });
    CHECK(ended.code == 1);
    CHECK(ended.errors == fmt::format("program: {0}\nhandler: {0}\n", refusal));
  }
}

TEST_CASE("another rank tells rank 0 of memory that is gone, and ends when it is told to") {
  const TemporaryFolder folder;
  const std::string path = folder / "rows";
  Lifeline line;
  Child child([&] {
    line.there.clear();
    guarded(options_of(1, line), [&](Watchdog&) { touch_cut_file(path); });
  });
  line.here.clear();
  const std::string told = line.wait_for(LifelineKind::error);
  CHECK(told.starts_with("1 " + path + ": was cut short or removed while it was being read: byte 8197"));
  line.there.at(0).send(LifelineKind::ending, told);
  const Ended ended = child.end();
  CHECK(ended.code == 1);
  CHECK(ended.errors.find("program: ") == std::string::npos);
}

TEST_CASE("SIGBUS that somebody sends ends a process as it ends any other") {
  const Ended ended = in_child([] {
    guarded(alone(), [](Watchdog& watchdog) {
      raise(SIGBUS);
      wait_for_the_end(watchdog);
    });
  });
  CHECK(ended.code == -1);
  CHECK(ended.errors.empty());
}

TEST_CASE("a page that a full file system cannot give is told from one that is gone") {
  const TemporaryFolder folder;
  const std::string path = folder / "segment";
  const int file = open(path.c_str(), O_RDWR | O_CREAT, 0600);
  REQUIRE(ftruncate(file, 2 * 4096) == 0);
  void* const bytes = mmap(nullptr, 2 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  const std::string whole = describe_bus_error(static_cast<char*>(bytes) + 4096);
  CHECK(whole.starts_with(
      path + ": byte 4096 cannot be read or written: its disk fails, or its file system is full"));
  REQUIRE(unlink(path.c_str()) == 0);
  CHECK(describe_bus_error(bytes).starts_with(path + ": was cut short or removed"));
  munmap(bytes, 2 * 4096);
  close(file);
  const int local = 0;
  CHECK(describe_bus_error(&local).find("which no file backs") != std::string::npos);
}
