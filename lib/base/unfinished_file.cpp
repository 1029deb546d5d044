#include "base/unfinished_file.hpp"

#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

namespace lockstep {

namespace {

bool same_file(const struct stat& a, const struct stat& b) {
  return a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

}  // namespace

FileDescriptor create_unfinished(int folder, const std::string& path) {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  for (;;) {
    FileDescriptor file(openat(folder, path.c_str(), kFlags, 0666));
    if (!file.valid()) return file;
    struct stat now {};
    // Who looks for abandoned files may have found this one before it was locked.
    if (flock(file.get(), LOCK_EX) != 0 || fstat(file.get(), &now) != 0 || now.st_nlink > 0) return file;
  }
}

bool remove_if_abandoned(int folder, const std::string& path) {
  constexpr int kFlags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
  struct stat found {
  }, now{};
  if (fstatat(folder, path.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0) return false;
  if (!S_ISREG(found.st_mode) || found.st_uid != geteuid()) return false;
  const FileDescriptor file(openat(folder, path.c_str(), kFlags));
  if (!file.valid() || flock(file.get(), LOCK_EX | LOCK_NB) != 0) return false;
  // Its writer may have given it its name between the two, and another may have taken its place.
  if (fstat(file.get(), &found) != 0 || fstatat(folder, path.c_str(), &now, AT_SYMLINK_NOFOLLOW) != 0)
    return false;
  return same_file(found, now) && unlinkat(folder, path.c_str(), 0) == 0;
}

int remove_abandoned(const std::string& folder, const std::function<bool(const std::string&)>& is_ours) {
  int removed = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error))
    if (is_ours(entry->path().filename().string()) && remove_if_abandoned(AT_FDCWD, entry->path().string()))
      ++removed;
  return removed;
}

}  // namespace lockstep
