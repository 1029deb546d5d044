// For tests that compare times: a claim that fails on a machine with other work proves nothing. Each attempt
// watches the machine; where too few of them had it to themselves, the program ends with kSkipped, which
// CTest shows as skipped, and says why. On a free machine a claim that fails is a failure.
#pragma once

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/outcome.hpp"

namespace lockstep::test {

using TestClock = std::chrono::steady_clock;

inline double seconds_since(TestClock::time_point begin) {
  return std::chrono::duration<double>(TestClock::now() - begin).count();
}

// What the processors did since the machine started, in seconds of one of them; NaN where /proc/stat cannot
// say.
inline double machine_busy_seconds() {
  std::ifstream file("/proc/stat");
  std::string cpu;
  double user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0;
  if (!(file >> cpu >> user >> nice >> system >> idle >> iowait >> irq >> softirq >> steal))
    return std::nan("");
  return (user + nice + system + irq + softirq + steal) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

// Of this process and of the children that it has waited for.
inline double own_busy_seconds() {
  double sum = 0;
  for (const auto who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage usage{};
    getrusage(who, &usage);
    for (const timeval& t : {usage.ru_utime, usage.ru_stime})
      sum += static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  }
  return sum;
}

// What share of a processor each of so many threads gets that compute for a twentieth of a second; the
// smallest.
inline double share_of_a_core(int threads) {
  std::vector<double> shares(static_cast<std::size_t>(threads));
  std::vector<std::thread> all;
  for (double& share : shares)
    all.emplace_back([&share] {
      const auto begin = TestClock::now();
      while (seconds_since(begin) < 0.05) continue;
      timespec used{};
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
      share = (static_cast<double>(used.tv_sec) + 1e-9 * static_cast<double>(used.tv_nsec)) /
              seconds_since(begin);
    });
  for (std::thread& thread : all) thread.join();
  return *std::min_element(shares.begin(), shares.end());
}

// Watches the machine from its construction on.
class MachineWatch {
 public:
  // threads: that the test keeps busy at once; alone: no other process belongs to the test but children it
  // waits for.
  MachineWatch(int threads, bool alone) : threads_(threads), alone_(alone) {}

  // Why no time can be judged, or nothing where the test had the cores that it needs.
  std::string too_busy() const {
    constexpr double kEnough = 0.9, kTicks = 0.5;  // the system's counters step by hundredths of a second
    const double wall = seconds_since(begin_);
    const double others = (machine_busy_seconds() - machine_ - (own_busy_seconds() - own_)) / wall;
    const auto cores = static_cast<double>(sysconf(_SC_NPROCESSORS_ONLN));
    const double share = share_of_a_core(threads_);
    char text[160] = "";
    if (alone_ && wall > kTicks && cores - others < kEnough * threads_)
      std::snprintf(text, sizeof(text), "other work took %.1f of %.0f cores, and the test needs %d", others,
                    cores, threads_);
    else if (share < kEnough)
      std::snprintf(text, sizeof(text), "computing threads had %.0f %% of a core", 100 * share);
    return text;
  }

 private:
  int threads_;
  bool alone_;
  TestClock::time_point begin_ = TestClock::now();
  double machine_ = machine_busy_seconds(), own_ = own_busy_seconds();
};

struct Claim {
  std::string what;
  bool holds = false;
  double found = 0, wanted = 0;
};

inline Claim truth(const std::string& what, bool holds) { return {what, holds}; }
inline Claim below(const std::string& what, double found, double limit) {
  return {what, found < limit, found, limit};
}
inline Claim above(const std::string& what, double found, double limit) {
  return {what, found > limit, found, limit};
}

struct Attempts {
  int threads = 1;                          // that the test keeps busy at once
  double patience = 60;                     // seconds after which a busy machine is not tried again
  std::function<bool(bool)> any_rank = {};  // whether it is true on any rank; empty: there are none
  std::function<std::string(const MachineWatch&)> busy = &MachineWatch::too_busy;
};

// All claims must hold of one of five attempts. Where they never do: a failure if at least two attempts had
// the machine to themselves, else too busy.
inline void judge_times(const Attempts& attempts, const std::function<std::vector<Claim>()>& attempt) {
  constexpr int kTries = 5, kFree = 2;
  const auto any = [&](bool here) { return attempts.any_rank ? attempts.any_rank(here) : here; };
  const auto begin = TestClock::now();
  std::vector<Claim> failed;
  std::string busy = "another rank had no core";
  int free = 0;
  for (int tried = 0; tried < kTries; ++tried) {
    const MachineWatch watch(attempts.threads, !attempts.any_rank);
    std::vector<Claim> claims = attempt();
    if (!any(!std::all_of(claims.begin(), claims.end(), [](const Claim& c) { return c.holds; }))) return;
    const std::string why = attempts.busy(watch);
    if (!why.empty()) busy = why;
    if (any(!why.empty())) {
      if (any(free == 0 && seconds_since(begin) > attempts.patience)) break;
      continue;
    }
    ++free;
    failed = std::move(claims);
  }
  if (free < kFree) return say_too_busy(busy);
  for (const Claim& claim : failed) {
    CAPTURE(claim.what, claim.found, claim.wanted);
    CHECK(claim.holds);
  }
}

}  // namespace lockstep::test
