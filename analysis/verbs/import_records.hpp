// Traces and benchmarks among the files that are to be imported. Internal to analysis/verbs.
#pragma once

#include <string>
#include <vector>

#include "analysis/runs/tree_walk.hpp"
#include "analysis/tables/imported.hpp"
#include "analysis/verbs/command_line.hpp"

namespace lockstep {

struct SortedFiles {
  std::vector<std::string> results;  // CSV and JSON, to be read as such
  std::vector<TreeFile> traces, benches;
};

// Whether a file below a folder is looked at, by its name.
bool may_be_imported(const std::string& name);
// By what the files hold; what is none of these and was not given by its own path is passed over.
SortedFiles sorted_files(const std::vector<TreeFile>& files);

// Writes the files below options.into. What cannot be used is one line in `left_out`; Error(bad_input) for a
// file that was given by its path.
std::vector<MadeFile> import_records(const SortedFiles& files, const AnalyzeOptions& options,
                                     std::vector<std::string>& left_out);

}  // namespace lockstep
