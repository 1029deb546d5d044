#include "launch/countdown.hpp"

#include <chrono>

#include "support/catch.hpp"
#include "support/child.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

void sleep_for(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

Ended count(double limit, int rank, double needed) {
  return in_child([=] {
    Launch launch;
    launch.rank = rank;
    const Countdown countdown({.seconds = limit, .setting = "the limit"}, launch, "to start (MPI_Init)");
    sleep_for(needed);
  });
}

}  // namespace

TEST_CASE("a call that outlasts the limit ends the process, which says what it has waited for") {
  const Ended ended = count(0.2, 0, 60);
  CHECK(ended.code == 1);
  CHECK(ended.errors.find("rank 0 has waited 0.2 s for the other ranks to start (MPI_Init)") !=
        std::string::npos);
  CHECK(ended.errors.find("; the limit allows 0.2 s\n") != std::string::npos);
}

TEST_CASE("a call that ends in time, one without a limit, and a rank whose turn to speak is later") {
  CHECK(count(60, 0, 0).code == 0);
  CHECK(count(0, 0, 0.5).code == 0);
  CHECK(count(0.2, 1, 1).code == 0);  // the first rank speaks for it
}

TEST_CASE("a process beside it that was stopped is named") {
  const Ended ended = in_child([] {
    bool named = false;
    {
      Child stopped([] { raise(SIGSTOP); });
      int status = 0;
      waitpid(stopped.pid(), &status, WUNTRACED);
      Child asking([] {
        const std::string found = stopped_siblings();
        static_cast<void>(!write(STDERR_FILENO, found.data(), found.size()));
      });
      named = asking.end().errors == ", process " + std::to_string(stopped.pid()) + " is stopped";
    }
    if (!named) _exit(1);
  });
  CHECK(ended.code == 0);
}
