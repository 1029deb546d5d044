// What nccl-tests and the OSU micro-benchmarks print, as a file of commbench. Internal to analysis/import but
// for BenchFacts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "results/comm_bench.hpp"

namespace lockstep {

// Facts that the texts lack, given by the user; 0 or empty: not given.
struct BenchFacts {
  std::int64_t ranks = 0, nodes = 0;
  std::string hardware;
  std::string like;  // a run file, on whose hardware it was measured
};

struct ImportedBench {
  CommBench bench;
  std::vector<std::string> notes;  // assumptions and unknowns, one sentence each
};

bool looks_like_bench(std::string_view text);

// One text may hold the output of several tests. A time is the mean that the program prints, of all ranks
// alike; nccl-tests' two, out of place and in place, are two repetitions. Error(bad_input) naming source,
// line and remedy for what cannot be read, what two collectives would explain, and where ranks or nodes are
// neither said nor given.
ImportedBench bench_of_text(const std::string& text, const std::string& source, const BenchFacts& facts);

}  // namespace lockstep
