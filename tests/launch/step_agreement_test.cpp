// Ranks agree on the step after which they come together, whoever is ahead, and whoever hears of it late.
#include "launch/step_agreement.hpp"

#include <deque>
#include <memory>
#include <thread>

#include "support/catch.hpp"

using namespace lockstep;

namespace {

// The watchdogs of some ranks, whose messages arrive when the test says so.
class Ranks {
 public:
  explicit Ranks(int ranks) : gates(static_cast<std::size_t>(ranks)) {
    for (int rank = 0; rank < ranks; ++rank) {
      gates[static_cast<std::size_t>(rank)] = std::make_unique<StepGate>();
      watchdogs.push_back(std::make_unique<StepAgreement>(
          *gates[static_cast<std::size_t>(rank)], rank, ranks,
          [this, rank](std::size_t peer, LifelineKind kind, const std::string& text) {
            const int to = rank == 0 ? static_cast<int>(peer) + 1 : 0;
            under_way.push_back({rank, to, {kind, text}});
          }));
    }
  }
  StepGate& gate(int rank) { return *gates[static_cast<std::size_t>(rank)]; }
  StepAgreement& watchdog(int rank) { return *watchdogs[static_cast<std::size_t>(rank)]; }
  void open(std::int64_t steps, bool at_signals = true) {
    for (auto& gate : gates) gate->open(steps, at_signals);
  }
  // Delivers the oldest message to this rank. Whether there was one.
  bool deliver(int to) {
    for (auto message = under_way.begin(); message != under_way.end(); ++message) {
      if (message->to != to) continue;
      const Message taken = *message;
      under_way.erase(message);
      CHECK(watchdog(to).hear(taken.from, taken.message));
      return true;
    }
    return false;
  }
  void deliver_all() {
    for (bool any = true; any;) {
      any = false;
      for (int rank = 0; rank < static_cast<int>(gates.size()); ++rank) any = deliver(rank) || any;
    }
  }

  struct Message {
    int from, to;
    LifelineMessage message;
  };
  std::vector<std::unique_ptr<StepGate>> gates;
  std::vector<std::unique_ptr<StepAgreement>> watchdogs;
  std::deque<Message> under_way;
};

}  // namespace

TEST_CASE("a gate that nobody holds lets every step pass") {
  Ranks ranks(2);
  ranks.open(0);
  for (std::int64_t step = 0; step < 5; ++step) CHECK_FALSE(ranks.gate(0).before_step(step));
}

TEST_CASE("all ranks stop after the step of the one that is furthest") {
  Ranks ranks(3);
  ranks.open(0);
  for (int rank = 0; rank < 3; ++rank)
    for (std::int64_t step = 0; step < (rank == 2 ? 8 : 7); ++step)
      CHECK_FALSE(ranks.gate(rank).before_step(step));
  // Ranks 0 and 1 are in step 7, rank 2 is in step 8.
  ranks.watchdog(0).stop("interrupted by SIGTERM");
  ranks.watchdog(0).stop("interrupted by SIGINT");
  ranks.deliver_all();
  for (int rank = 0; rank < 3; ++rank) {
    if (rank < 2) CHECK_FALSE(ranks.gate(rank).before_step(7));
    const auto meeting = ranks.gate(rank).before_step(8);
    REQUIRE(meeting);
    CHECK(meeting->stop);
    CHECK(meeting->reason == "interrupted by SIGTERM");
  }
}

TEST_CASE("a rank that comes to its next step before it hears the decision waits for it") {
  Ranks ranks(2);
  ranks.open(0);
  for (int rank = 0; rank < 2; ++rank) CHECK_FALSE(ranks.gate(rank).before_step(0));
  ranks.watchdog(0).stop("why");
  ranks.deliver(1);  // is held, and answers
  std::optional<Meeting> at_1, at_2;
  std::thread trains([&] {
    at_1 = ranks.gate(1).before_step(1);
    if (!at_1) at_2 = ranks.gate(1).before_step(2);
  });
  ranks.deliver_all();
  trains.join();
  // Rank 1 may have claimed step 2 before it was held, or not: both go the same way.
  for (std::int64_t step = 1; step < 3; ++step) {
    const auto meeting = ranks.gate(0).before_step(step);
    CHECK(meeting.has_value() == (step == 1 ? at_1.has_value() : at_2.has_value()));
    if (meeting) break;
  }
  CHECK((at_1 || at_2));
}

TEST_CASE("a checkpoint by the clock lets the run go on, and a signal meanwhile is answered after it") {
  Ranks ranks(2);
  ranks.open(10);
  for (int rank = 0; rank < 2; ++rank) CHECK_FALSE(ranks.gate(rank).before_step(10));
  ranks.gate(0).ask();
  ranks.watchdog(0).advance();
  ranks.deliver_all();
  ranks.watchdog(0).stop("interrupted by SIGUSR1");
  CHECK(ranks.under_way.empty());  // first the meeting that has been called
  for (int rank = 1; rank >= 0; --rank) {
    const auto meeting = ranks.gate(rank).before_step(11);
    REQUIRE(meeting);
    CHECK_FALSE(meeting->stop);
    ranks.gate(rank).release();
  }
  ranks.watchdog(0).advance();
  ranks.deliver_all();
  for (int rank = 0; rank < 2; ++rank) {
    std::optional<Meeting> meeting;
    for (std::int64_t step = 11; step < 13 && !meeting; ++step) meeting = ranks.gate(rank).before_step(step);
    REQUIRE(meeting);
    CHECK(meeting->reason == "interrupted by SIGUSR1");
  }
}

TEST_CASE("one rank decides by itself") {
  Ranks ranks(1);
  ranks.open(4);
  ranks.watchdog(0).stop("interrupted by SIGTERM");
  const auto meeting = ranks.gate(0).before_step(4);
  REQUIRE(meeting);
  CHECK(meeting->stop);
}

TEST_CASE("nothing is decided while no steps run") {
  Ranks ranks(2);
  ranks.watchdog(0).stop("interrupted by SIGTERM");
  ranks.gate(0).ask();
  ranks.watchdog(0).advance();
  CHECK(ranks.under_way.empty());
  CHECK_FALSE(ranks.gate(0).held());
}

TEST_CASE("many steps on several threads: all meet after the same one") {
  for (int round = 0; round < 20; ++round) {
    constexpr int kRanks = 3;
    Ranks ranks(kRanks);
    ranks.open(0);
    std::vector<std::int64_t> met(kRanks, -1);
    std::vector<std::thread> threads;
    for (int rank = 0; rank < kRanks; ++rank)
      threads.emplace_back([&, rank] {
        for (std::int64_t step = 0; met[static_cast<std::size_t>(rank)] < 0; ++step)
          if (ranks.gate(rank).before_step(step)) met[static_cast<std::size_t>(rank)] = step;
      });
    std::this_thread::sleep_for(std::chrono::microseconds(50 * round));
    ranks.watchdog(0).stop("why");
    ranks.deliver_all();
    for (std::thread& thread : threads) thread.join();
    CHECK(met == std::vector<std::int64_t>(kRanks, met[0]));
  }
}
