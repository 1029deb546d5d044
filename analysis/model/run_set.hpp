// The runs below the given paths: found, read, reduced and checked.
#pragma once

#include <string>
#include <vector>

#include "analysis/model/link_bench.hpp"
#include "analysis/runs/launch.hpp"

namespace lockstep {

struct RunSet {
  std::vector<Launch> launches;         // in order of path; those left out included
  std::vector<LinkBench> benches;       // in order of path
  std::vector<std::string> unreadable;  // one line each
  std::vector<std::string> notes;       // one line each: links, copies, what could not be searched
};

struct FoundFiles {
  std::vector<std::string> runs, benches, notes;
};

// Files below a path, sorted: the path itself when it is a file; of every folder run.h5 and commbench.h5, or
// else with .partial behind. Each file once, whatever names it has; see tree_walk.hpp for links.
// Error(bad_input) when a path does not exist.
FoundFiles find_files(const std::vector<std::string>& paths);
// The run files; Error(bad_input) when there is none.
std::vector<std::string> find_some_runs(const std::vector<std::string>& paths,
                                        std::vector<std::string>* notes = nullptr);

// Reads them all. Error(bad_input) when there is neither a run nor a file of commbench, or none that can be
// read.
RunSet read_runs(const std::vector<std::string>& paths);

}  // namespace lockstep
