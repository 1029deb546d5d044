#include "base/durable_file.hpp"

#include <linux/fs.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <utility>
#include <vector>

#include "base/unfinished_file.hpp"

namespace lockstep {

namespace {

constexpr std::size_t kTail = 6;  // of the name of one of several

std::string random_tail() {
  std::uint32_t number = 0;
  static_cast<void>(getrandom(&number, sizeof number, GRND_NONBLOCK));
  return fmt::format("{}{:05x}", number % 10, number >> 8 & 0xfffff);
}

// What a killed writer left there; also a link, which no writer has put there.
void make_room(const std::string& name) {
  if (std::error_code error; std::filesystem::is_symlink(name, error)) unlink(name.c_str());
  remove_if_abandoned(AT_FDCWD, name);
}

}  // namespace

DurableFile::DurableFile(std::string path, Writers writers) : path_(std::move(path)) {
  do {
    const std::string name = path_ + (writers == Writers::one ? ".partial" : "." + random_tail());
    if (writers == Writers::one) make_room(name);
    file_ = create_unfinished(AT_FDCWD, name);
    if (file_.valid()) unfinished_ = name;
  } while (!file_.valid() && errno == EEXIST && writers == Writers::several);
  if (!file_.valid() && errno == EEXIST)
    throw run_error(
        "{0}: cannot be written: {0}.partial belongs to another process, which may still be "
        "writing it",
        path_);
  require(file_.valid());
}

DurableFile::~DurableFile() {
  if (!unfinished_.empty()) unlink(unfinished_.c_str());
}

void DurableFile::require(bool done) const {
  if (!done) throw run_error("{}: cannot be written: {}", path_, errno_text(errno));
}

void DurableFile::write(const void* data, std::size_t bytes) {
  constexpr std::size_t kMost = std::size_t{1} << 30;  // Linux writes less than 2 GiB at once
  const auto* from = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t written = ::write(file_.get(), from, std::min(bytes, kMost));
    if (written < 0 && errno == EINTR) continue;
    require(written >= 0);
    from += written;
    bytes -= static_cast<std::size_t>(written);
  }
}

void DurableFile::write_all_of(int descriptor) {
  std::vector<char> block(std::size_t{1} << 20);
  for (off_t at = 0;;) {
    const ssize_t bytes = pread(descriptor, block.data(), block.size(), at);
    if (bytes < 0 && errno == EINTR) continue;
    require(bytes >= 0);
    if (bytes == 0) return;
    write(block.data(), static_cast<std::size_t>(bytes));
    at += bytes;
  }
}

// The lock is held until it has its name. Some file systems say only when a descriptor is closed that the
// disk is full: any descriptor of the file does.
void DurableFile::commit(Existing existing) {
  require(fsync(file_.get()) == 0 || errno == EINVAL);  // EINVAL: a file system that cannot
  require(::close(dup(file_.get())) == 0);
  if (existing == Existing::refuse) {
    rename_into_place(unfinished_, path_);
  } else {
    require(std::rename(unfinished_.c_str(), path_.c_str()) == 0);
    sync_folder_of(path_);
  }
  unfinished_.clear();
  file_.reset();
}

bool is_unfinished_of_several(std::string_view name, std::string_view extension) {
  const std::size_t ending = extension.size() + 1 + kTail;
  if (name.size() <= ending) return false;
  const std::string_view tail = name.substr(name.size() - kTail);
  name.remove_suffix(kTail);
  const auto are = [&](auto&& is) { return std::count_if(tail.begin(), tail.end(), is); };
  const auto digits = are([](unsigned char c) { return std::isdigit(c) != 0; }),
             lower = are([](unsigned char c) { return std::islower(c) != 0; }),
             upper = are([](unsigned char c) { return std::isupper(c) != 0; });
  return name.ends_with('.') && name.substr(0, name.size() - 1).ends_with(extension) &&
         static_cast<std::size_t>(digits + lower + upper) == kTail &&
         (digits > 0 || (lower > 0 && upper > 0));
}

// RENAME_NOREPLACE is not there on every file system.
void rename_into_place(const std::string& from, const std::string& to) {
  bool done = syscall(SYS_renameat2, AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0;
  if (!done && (errno == EINVAL || errno == ENOSYS))
    done = link(from.c_str(), to.c_str()) == 0 && unlink(from.c_str()) == 0;
  if (done) return sync_folder_of(to);
  throw run_error("{}: is whole but cannot be renamed to {}: {}", from, to, errno_text(errno));
}

void sync_folder_of(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  const FileDescriptor open_folder(
      open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (open_folder.valid()) fsync(open_folder.get());
}

ExitCode meaning_of_write_error(int code) {
  for (const int failure : {ENOSPC, EDQUOT, EFBIG, EIO, EPIPE, EBADF})
    if (code == failure) return ExitCode::failed;
  return ExitCode::bad_input;
}

}  // namespace lockstep
