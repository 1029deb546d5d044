#include "analysis/output/write_file.hpp"

#include <cerrno>
#include <fstream>

#include "base/error.hpp"

namespace lockstep {

void write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) throw input_error("{}: cannot be written: {}", path, errno_text(errno));
}

}  // namespace lockstep
