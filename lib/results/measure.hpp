// Measure: what a task measures of a split besides loss and metric. A task declares it; files, their reader
// and what is printed follow.
#pragma once

#include <string>
#include <vector>

namespace lockstep {

enum class Split { validation, test };

struct Measure {
  std::string name;        // "psnr": small letters, digits and _
  std::string unit = "1";  // "dB"; "1" for what has none
  std::string about = {};  // one sentence
  bool higher_is_better = true;
  std::vector<Split> splits = {Split::validation, Split::test};  // on which it is measured
  bool operator==(const Measure&) const = default;
};

// "validation_psnr": the dataset of /epochs, and the key of EpochRow::more.
inline std::string column_of(const std::string& measure, Split split) {
  return (split == Split::validation ? "validation_" : "test_") + measure;
}

}  // namespace lockstep
