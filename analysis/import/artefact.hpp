// Results of other projects: what a CSV or JSON file says about its runs. docs/importing.md lists what is
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

// What a time measures, by its name.
enum class TimeOf { unknown, epoch, since_start };

struct ImportedRun {
  std::string source;  // file
  std::string name;    // of the run in it
  std::string mode;  // as the file calls it, in lower case; "seq" for what is run on one device; "": not said
  std::int64_t ranks = 0;                 // 0: not said
  std::vector<ImportedEpoch> epochs;      // rows in the file's order
  double total_seconds;                   // NaN: not said
  bool percent = false;                   // accuracies were given as 0 to 100
  TimeOf times = TimeOf::unknown;         // of the rows
  std::int64_t epoch_count = 0;           // as the file gives it; 0: not said
  std::int64_t rank = -1;                 // which wrote the file; -1: not said
  std::string set = {};                   // file or folder of the runs that it may be compared with
  std::vector<std::string> assumed = {};  // how ambiguous parts were read; sentences
  std::string unclear = {};               // why its times cannot be used: two readings fit; "": usable
  std::string label() const;
};

// Runs of the files; files of single ranks are merged into one run. A file that cannot be read or has no run
// becomes one line in `left_out`.
std::vector<ImportedRun> read_artefacts(const std::vector<std::string>& files,
                                        std::vector<std::string>& left_out);

// One file's runs. Error(bad_input) naming file, line and column.
std::vector<ImportedRun> runs_of_csv(const std::string& text, const std::string& source);
std::vector<ImportedRun> runs_of_json(const std::string& text, const std::string& source);

}  // namespace lockstep
