#include "base/regular_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.hpp"

namespace lockstep {

namespace {

[[noreturn]] void cannot_read(const std::string& path, int code) {
  throw input_error("{}: cannot be read: {}", path, errno_text(code));
}

void refuse_irregular(const std::string& path, const struct stat& status) {
  if (!S_ISREG(status.st_mode))
    throw input_error("{}: is {}; give a regular file", path, file_kind(status.st_mode));
}

// At most `room` bytes more, appended; false at the end of the file.
bool read_some(int fd, const std::string& path, std::int64_t room, std::string& text) {
  constexpr std::int64_t kBlock = 1 << 16;
  const std::size_t before = text.size();
  text.resize(before + static_cast<std::size_t>(std::min(room, kBlock)));
  ssize_t count;
  do count = ::read(fd, text.data() + before, text.size() - before);
  while (count < 0 && errno == EINTR);
  if (count < 0) cannot_read(path, errno);
  text.resize(before + static_cast<std::size_t>(count));
  return count > 0;
}

}  // namespace

std::string file_kind(mode_t mode) {
  if (S_ISREG(mode)) return "a regular file";
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return "a named pipe";
  if (S_ISSOCK(mode)) return "a socket";
  if (S_ISCHR(mode)) return "a character device";
  if (S_ISBLK(mode)) return "a block device";
  return S_ISLNK(mode) ? "a symbolic link" : "not a file of a known kind";
}

RegularFile open_regular_file(const std::string& path) {
  struct stat status {};
  // Asked before it is opened, since opening alone rewinds a tape or arms a watchdog; and again once it is
  // open, since another file may lie there by then: with O_NONBLOCK that cannot wait for a pipe's other end.
  if (::stat(path.c_str(), &status) != 0) cannot_read(path, errno);
  refuse_irregular(path, status);
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0) cannot_read(path, errno);
  refuse_irregular(path, status);
  return {std::move(file), static_cast<std::int64_t>(status.st_size)};
}

void require_regular_file(const std::string& path) { open_regular_file(path); }

std::string read_regular_file(const std::string& path, std::int64_t limit) {
  const RegularFile file = open_regular_file(path);
  std::string text;
  // One byte more than allowed tells a file that grows, or that says nothing of its size.
  const auto read = [&] { return static_cast<std::int64_t>(text.size()); };
  while (read() <= limit && file.bytes <= limit &&
         read_some(file.descriptor.get(), path, limit + 1 - read(), text)) {
  }
  if (file.bytes > limit || read() > limit)
    throw input_error("{}: is larger than {} bytes, the limit here; give a smaller file", path, limit);
  return text;
}

}  // namespace lockstep
