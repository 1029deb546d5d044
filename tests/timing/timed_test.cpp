// The judge of times that other tests rely on: what it calls busy, a failure, and neither.
#include "support/timed.hpp"

#include <sys/wait.h>

#include <atomic>
#include <csignal>

using namespace lockstep::test;

namespace {

std::vector<Claim> wrong() { return {below("two", 2, 1)}; }

// Whether a judgement ended as too busy; the program does not.
bool ends_as_too_busy(const Attempts& attempts, const std::function<std::vector<Claim>()>& attempt) {
  judge_times(attempts, attempt);
  return !std::exchange(why_skipped(), "").empty();
}

// Processes that compute, twice as many as there are cores.
class OtherWork {
 public:
  OtherWork() {
    for (long n = 2 * sysconf(_SC_NPROCESSORS_ONLN); n > 0; --n) {
      const pid_t child = fork();
      if (child == 0)
        for (std::atomic<unsigned> turns = 0;; ++turns) continue;
      children_.push_back(child);
    }
  }
  ~OtherWork() {
    for (const pid_t child : children_) kill(child, SIGKILL), waitpid(child, nullptr, 0);
  }
  OtherWork(const OtherWork&) = delete;
  OtherWork& operator=(const OtherWork&) = delete;

 private:
  std::vector<pid_t> children_;
};

}  // namespace

TEST_CASE("a claim that fails while the machine is free is a failure", "[!shouldfail]") {
  judge_times({.busy = [](const MachineWatch&) { return ""; }}, wrong);
}

TEST_CASE("a claim that holds is no question of the machine") {
  int tried = 0;
  CHECK_FALSE(ends_as_too_busy({.busy = [](const MachineWatch&) { return "as this test pretends"; }},
                               [&]() -> std::vector<Claim> { return {above("tries", ++tried, 2)}; }));
  CHECK(tried == 3);
}

TEST_CASE(
    "a claim that fails while the machine is busy is judged by the attempts that had it to themselves") {
  CHECK(ends_as_too_busy({.busy = [](const MachineWatch&) { return "as this test pretends"; }}, wrong));
  int tried = 0;
  CHECK(ends_as_too_busy(
      {.busy = [&](const MachineWatch&) { return tried++ == 0 ? "" : "as this test pretends"; }}, wrong));
  CHECK(tried == 5);
}

TEST_CASE("other work on all cores is seen, and named") {
  const MachineWatch watch(1, true);
  const OtherWork work;
  std::this_thread::sleep_for(std::chrono::milliseconds(600));
  const std::string busy = watch.too_busy();
  INFO(busy);
  CHECK(busy.find(" cores, and the test needs 1") != std::string::npos);
}

TEST_CASE("a computing thread that shares its core is seen") {
  const MachineWatch watch(1, false);
  const OtherWork work;
  CHECK(watch.too_busy().find("of a core") != std::string::npos);
}
