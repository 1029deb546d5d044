// A file of commbench of which the link is known beforehand.
#pragma once

#include "results/comm_bench.hpp"

namespace lockstep::test {

struct SyntheticBench {
  double latency = 20e-6, bandwidth = 2e9;  // of one message, seconds and bytes per second
  int ranks = 2, repetitions = 20;
  double noise = 0;  // relative standard deviation of a repetition
  double late = 0;   // seconds that the last rank comes late to every collective: the others wait
  std::string uuid = "b0000000-0000-4000-8000-000000000001";
  std::string fingerprint = "f00d", backend = "mpi", started = "2026-01-31T12:00:00Z";
  std::vector<std::string> hosts = {"h0"};  // dealt to the ranks in turn
};

// all_reduce (rings), send_recv and a barrier; messages of 4 B to 64 MiB.
CommBench make_bench(const SyntheticBench& synthetic);

}  // namespace lockstep::test
