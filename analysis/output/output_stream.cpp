#include "analysis/output/output_stream.hpp"

#include <cerrno>
#include <iostream>

#include "base/error.hpp"

namespace lockstep {

OutputStream::OutputStream(const std::string& path) : path_(path) {
  if (path_.empty()) return;
  file_.open(path_, std::ios::binary);
  if (!file_) throw input_error("{}: cannot be written: {}", path_, errno_text(errno));
}

std::ostream& OutputStream::stream() { return path_.empty() ? std::cout : file_; }

void OutputStream::finish() {
  stream().flush();
  if (!path_.empty()) file_.close();
  if (!stream())
    throw input_error("{}: cannot be written: {}", path_.empty() ? "standard output" : path_,
                      errno_text(errno));
}

}  // namespace lockstep
