// LinkBench: one file of commbench, reduced to times and bandwidths by size and to the fitted link.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analysis/metrics/link_model.hpp"
#include "analysis/metrics/statistics.hpp"
#include "results/comm_bench.hpp"

namespace lockstep {

struct Launch;

// One collective with messages of one size. A repetition's time is that of the rank that took longest.
struct BenchRow {
  std::string collective;
  std::int64_t bytes = 0, root = -1, wrong = 0, repetitions = 0;
  double fastest = 0, median = 0, p95 = 0;  // seconds
  // By the median, bytes per second; 0 for a barrier.
  double algorithm_bandwidth = 0, bus_bandwidth = 0;
};
BenchRow row_of(const CommBenchCase& one);

// A link with intervals over the repetitions of one launch of commbench.
struct BenchLink {
  Estimate latency;        // seconds
  Estimate bandwidth;      // bytes per second
  std::int64_t sizes = 0;  // that it is fitted to
};

struct LinkBench {
  std::string path, uuid, backend, dtype, fingerprint, started;
  bool usable = false;  // complete, and every result exact
  std::int64_t ranks = 0, nodes = 0;
  std::vector<BenchRow> rows;
  // Of all-reduces as rings, by the rank that came last, so that waiting is no part of it; of single
  // messages.
  std::optional<BenchLink> all_reduce, message;
};
LinkBench reduce_bench(const CommBench& bench, const std::string& path);

// The measured link that a launch went over, or would: of the same hardware, back end and, as far as one node
// or several are concerned, the same reach. A launch of one rank has no back end: any serves. Of several, the
// one with as many ranks, else the one with the most; of these the latest. nullptr when there is none.
const LinkBench* bench_of(const Launch& launch, const std::vector<LinkBench>& benches);

}  // namespace lockstep
