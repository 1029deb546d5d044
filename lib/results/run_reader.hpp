// Reads a run file, ours or another program's, by what docs/run-file.md says of it and nothing else. Never
// trusts it.
#pragma once

#include <string>
#include <vector>

#include "results/run_data.hpp"
#include "results/trial.hpp"

namespace lockstep {

// Error(bad_input), one line naming file and path, when the file is not a run file, is damaged, lacks a
// required path, has columns that do not fit each other, or a time that is not a number. What is absent but
// optional stays empty and is listed in RunData::absent.
RunData read_run(const std::string& path);

// Many files, each as read_run does. All are tried in one child process, which runs ahead of the reading: a
// file that harms it harms no other, and costs one more process.
class RunFiles {
 public:
  explicit RunFiles(std::vector<std::string> paths);
  RunFiles(const RunFiles&) = delete;
  RunFiles& operator=(const RunFiles&) = delete;
  RunData read(std::size_t i);  // in ascending order

 private:
  std::vector<std::string> paths_;
  Trials trials_;
};

// The root attributes alone.
RunHeader read_header(const std::string& path);

// run.h5 in a run's folder, else run.h5.partial; empty when it has neither.
std::string find_run_file(const std::string& folder);

}  // namespace lockstep
