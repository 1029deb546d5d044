// Where a long output goes: the file that --output names, or standard output.
#pragma once

#include <fstream>
#include <ostream>
#include <string>

namespace lockstep {

class OutputStream {
 public:
  // path: empty for standard output. Error(bad_input) when the file cannot be made.
  explicit OutputStream(const std::string& path);
  std::ostream& stream();
  // Error when not all of it could be written.
  void finish();

 private:
  std::string path_;
  std::ofstream file_;
};

}  // namespace lockstep
