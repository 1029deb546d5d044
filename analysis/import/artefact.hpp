// Results of other projects: what a CSV or JSON file says of its runs. docs/importing.md lists what is
// accepted.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lockstep {

// NaN: the file does not say.
struct ImportedEpoch {
  double epoch, train_loss, seconds, validation_loss, accuracy;
};

struct ImportedRun {
  std::string source;  // file
  std::string name;    // of the run in it
  std::string mode;  // as the file calls it, in lower case; "seq" for what is run on one device; "": not said
  std::int64_t ranks = 0;             // 0: not said
  std::vector<ImportedEpoch> epochs;  // rows in the file's order
  double total_seconds;               // NaN: not said
  bool percent = false;               // accuracies were given as 0 to 100
  std::string label() const;
};

// Runs of the files below the paths (*.csv, *.json). A file that cannot be read or that holds no run is one
// line in `left_out`, and so is what tree_walk.hpp notes. Error(bad_input) when a path does not exist, or no
// run is found.
std::vector<ImportedRun> read_artefacts(const std::vector<std::string>& paths,
                                        std::vector<std::string>& left_out);

// One file's runs. Error(bad_input) naming file, line and column.
std::vector<ImportedRun> runs_of_csv(const std::string& text, const std::string& source);
std::vector<ImportedRun> runs_of_json(const std::string& text, const std::string& source);

}  // namespace lockstep
