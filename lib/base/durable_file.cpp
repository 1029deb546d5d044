#include "base/durable_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "base/error.hpp"

namespace lockstep {

DurableFile::DurableFile(std::string path) : path_(std::move(path)), unfinished_(path_ + ".partial") {
  unlink(unfinished_.c_str());  // of a process that was killed; never what a link leads to
  descriptor_ = open(unfinished_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  require(descriptor_ >= 0);
}

DurableFile::~DurableFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!unfinished_.empty()) unlink(unfinished_.c_str());
}

void DurableFile::require(bool done) const {
  if (!done) throw run_error("{}: cannot be written: {}", path_, errno_text(errno));
}

void DurableFile::write(const void* data, std::size_t bytes) {
  constexpr std::size_t kMost = std::size_t{1} << 30;  // Linux writes less than 2 GiB at once
  const auto* from = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t written = ::write(descriptor_, from, std::min(bytes, kMost));
    if (written < 0 && errno == EINTR) continue;
    require(written >= 0);
    from += written;
    bytes -= static_cast<std::size_t>(written);
  }
}

void DurableFile::commit() {
  require(fsync(descriptor_) == 0 || errno == EINVAL);  // EINVAL: a file system that cannot
  require(::close(std::exchange(descriptor_, -1)) == 0);
  require(std::rename(unfinished_.c_str(), path_.c_str()) == 0);
  unfinished_.clear();
  sync_folder_of(path_);
}

void sync_folder_of(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  const int descriptor = open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  fsync(descriptor);
  ::close(descriptor);
}

}  // namespace lockstep
