// What commbench prints: the columns of nccl-tests, one line a case.
#pragma once

#include <string>

#include "apps/commbench/options.hpp"
#include "results/comm_bench.hpp"

namespace lockstep {

// Lines that begin with #: what is measured on what, with the options.
std::string bench_title(const CommBench& bench, const BenchOptions& options);
// Lines that begin with #: the collective and the columns.
std::string bench_heading(const std::string& collective);
std::string bench_line(const CommBenchCase& one, const ElementType& type, const char* redop);
// The links behind all cases, with their intervals; empty where there are none.
std::string bench_links(const CommBench& bench);

}  // namespace lockstep
