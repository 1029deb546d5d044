// Reads a run file, ours or another program's, by what docs/run-file.md says of it and nothing else. Never
// trusts it.
#pragma once

#include <string>

#include "results/run_data.hpp"

namespace lockstep {

// Error(bad_input), one line naming file and path, when the file is not a run file, is damaged, lacks a
// required path, has columns that do not fit each other, or a time that is not a number. What is absent but
// optional stays empty and is listed in RunData::absent.
RunData read_run(const std::string& path);

// The root attributes alone.
RunHeader read_header(const std::string& path);

// run.h5 in a run's folder, else run.h5.partial; empty when it has neither.
std::string find_run_file(const std::string& folder);

}  // namespace lockstep
