// Where imported runs and benchmarks are written: one folder each, named by its content. Internal to
// analysis/import except its two functions.
#pragma once

#include <string>

#include "results/comm_bench.hpp"
#include "results/run_data.hpp"

namespace lockstep {

// Both return the file's path: <into>/<YYYYMMDD-HHMMSS>_<mode>_<model>_<N>r_<8 hex>/run.h5, and
// <into>/<back end>_<N>r_<8 hex>/commbench.h5. The same records give the same folder. Error(bad_input) where it
// is there already, or cannot be made.
std::string write_imported(const std::string& into, const RunData& run);
std::string write_imported(const std::string& into, const CommBench& bench);

}  // namespace lockstep
