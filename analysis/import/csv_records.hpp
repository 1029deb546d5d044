// The records of a CSV text, one after another. Internal to analysis/import.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lockstep {

// Fields are separated by the one of , ; and tab that the first line has most of, and may stand in double
// quotes; a line ends with LF, CR LF or CR. Error(bad_input) naming source and line for more fields than a
// table of results has, and for an unclosed quote. The text must outlive it.
class CsvRecords {
 public:
  CsvRecords(std::string_view text, std::string source);
  bool next(std::vector<std::string>& fields);  // false at the end
  std::size_t line() const { return line_; }    // on which the last record began, from 1

 private:
  bool take(char c, std::vector<std::string>& fields);
  void end_line();

  std::string_view text_;
  std::string source_;
  char separator_;
  bool quoted_ = false;
  std::size_t at_ = 0, line_ = 0, next_line_ = 1;
};

}  // namespace lockstep
