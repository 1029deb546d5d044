// The runs below the given paths: found, read, reduced and checked.
#pragma once

#include <string>
#include <vector>

#include "analysis/model/launch.hpp"

namespace lockstep {

struct RunSet {
  std::vector<Launch> launches;         // in order of path; those left out included
  std::vector<std::string> unreadable;  // one line each
};

// Run files below a path, sorted: the path itself when it is a file; run.h5, or else run.h5.partial, of every
// folder. Each file once, symbolic links to folders are not followed. Error(bad_input) when a path does not
// exist.
std::vector<std::string> find_runs(const std::vector<std::string>& paths);
// The same; Error(bad_input) when there is none.
std::vector<std::string> find_some_runs(const std::vector<std::string>& paths);

// Reads them all. Error(bad_input) when there is no run, or none that can be read.
RunSet read_runs(const std::vector<std::string>& paths);

}  // namespace lockstep
