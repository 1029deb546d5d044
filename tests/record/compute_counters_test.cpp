// What is counted of the compute threads, on whatever machine this is: each number is right, or unknown with a reason.
#include "record/compute_counters.hpp"

#include <sched.h>
#include <sys/resource.h>

#include <cerrno>
#include <chrono>
#include <cmath>
#include <thread>

#include "launch/openmp_threads.hpp"
#include "support/catch.hpp"
#include "timing/clock.hpp"

using namespace lockstep;

namespace {

// Processor time of the calling thread.
double seconds_used() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  const auto seconds = [](const timeval& t) { return double(t.tv_sec) + 1e-6 * double(t.tv_usec); };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void compute_for(double seconds) {
  volatile double x = 1;
  for (const double until = seconds_used() + seconds; seconds_used() < until;)
    for (int i = 0; i < 10000; ++i) x = x * 1.0000001;
}

bool mentions(const std::string& text, const std::string& words) {
  return text.find(words) != std::string::npos;
}

}  // namespace

TEST_CASE("a counter that ran for a part of the time counts for all of it, and one that never ran for none") {
  CHECK(counted_between({100, 1000, 1000}, {400, 2000, 2000}) == 300);
  CHECK(counted_between({100, 1000, 1000}, {400, 3000, 1500}) == 300 * 2000 / 500.0);
  CHECK(std::isnan(counted_between({100, 1000, 1000}, {100, 2000, 1000})));
  CHECK(std::isnan(counted_between({}, {})));
}

TEST_CASE("why there are no hardware counters is said with what helps") {
  CHECK(mentions(why_no_hardware_counters(EACCES), "does not permit"));
  CHECK(mentions(why_no_hardware_counters(ENOENT), "virtual machines"));
  CHECK(mentions(why_no_hardware_counters(ENOSYS), "Function not implemented"));
}

TEST_CASE("processor time is that of the compute threads while their steps ran") {
  ComputeCounters counters(2);
  compute_for(0.1);  // before the first step
  for (int part = 0; part < 2; ++part) {
    counters.begin_part();
    in_compute_threads(2, [](int) { compute_for(0.15); });
    std::thread([] { compute_for(0.3); }).join();  // no compute thread
    counters.end_part(3);
    compute_for(0.1);  // evaluation
  }
  const ComputeCounts counts = counters.take_epoch();
  CHECK(counts.steps == 6);
  CHECK(counts.threads == 2);
  CHECK(counts.user_seconds + counts.system_seconds > 0.59);
  CHECK(counts.user_seconds + counts.system_seconds < 0.75);
  CHECK(counters.take_epoch().steps == 0);
}

TEST_CASE("what the hardware counts is told, or why it is not; never as 0") {
  ComputeCounters counters(1);
  counters.begin_part();
  compute_for(0.05);
  counters.end_part(1);
  const ComputeCounts counts = counters.take_epoch();
  const bool absent = mentions(counters.absent(), "cycles and instructions are not recorded: ");
  CHECK(std::isnan(counts.cycles) == absent);
  CHECK(std::isnan(counts.instructions) == absent);
  if (!absent) {
    CHECK(counts.cycles > 1e6);
    CHECK(counts.instructions > 1e6);
  }
  CHECK(std::isnan(counts.waiting_seconds) == mentions(counters.absent(), "waiting for a core"));
}

TEST_CASE("a thread that shares its core has waited for it") {
  cpu_set_t before, one;
  REQUIRE(sched_getaffinity(0, sizeof before, &before) == 0);
  CPU_ZERO(&one);
  for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++cpu)
    if (CPU_ISSET(cpu, &before)) CPU_SET(cpu, &one);
  ComputeCounters counters(1);
  REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
  counters.begin_part();
  std::thread other([] { compute_for(0.4); });  // on the same core
  compute_for(0.4);
  counters.end_part(1);
  other.join();
  sched_setaffinity(0, sizeof before, &before);
  const ComputeCounts counts = counters.take_epoch();
  if (std::isnan(counts.waiting_seconds)) {
    CHECK(mentions(counters.absent(), "waiting for a core is not recorded"));
    return;
  }
  CHECK(counts.waiting_seconds > 0.2);
  CHECK(counts.preemptions > 0);
}
