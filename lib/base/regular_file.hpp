// Opening a file that a user, or somebody else's folder, named: a regular file or an error, never a wait.
// Opening a pipe, a terminal or another device can block for ever or have effects of its own; these are
// refused unopened.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "base/file_descriptor.hpp"

namespace lockstep {

struct RegularFile {
  FileDescriptor descriptor;
  std::int64_t bytes;  // when it was opened; 0 for files of /proc, whatever they hold
};

// "a folder", "a named pipe", "a socket", "a character device", ... of a stat() mode.
std::string file_kind(mode_t mode);

// Opens `path` for reading; links are followed. Error(bad_input) naming the path when it is not there or
// cannot be read, or when it is not a regular file: "x: is a named pipe; give a regular file".
RegularFile open_regular_file(const std::string& path);

// The same errors, and closes it again: before a library opens `path` by itself.
void require_regular_file(const std::string& path);

// All of it. Also Error(bad_input) when it holds more than `limit` bytes, of which no more than that are
// read.
std::string read_regular_file(const std::string& path, std::int64_t limit);

}  // namespace lockstep
