#include "analysis/render/output_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <random>

#include "base/error.hpp"
#include "base/text.hpp"

namespace lockstep {

namespace {

// The disk fails the run; anything else is what the user has named.
Error cannot_write(const std::string& path, int code) {
  for (const int disk : {ENOSPC, EDQUOT, EFBIG, EIO, EPIPE, EBADF})
    if (code == disk) return run_error("{}: cannot be written: {}", path, errno_text(code));
  return input_error("{}: cannot be written: {}", path, errno_text(code));
}

// What is not a file that can be replaced. Descriptors are named by links, so these are known by their names.
bool is_written_as_it_stands(const std::string& path) {
  const std::string plain = std::filesystem::absolute(path).lexically_normal().string();
  for (const char* descriptors : {"/proc/", "/dev/fd/", "/dev/stdout", "/dev/stderr"})
    if (plain.starts_with(descriptors)) return true;
  struct stat status {};
  return lstat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode) && !S_ISLNK(status.st_mode) &&
         !S_ISDIR(status.st_mode);
}

std::string random_name() {
  std::random_device random;
  return fmt::format(".analyze.{:08x}{:08x}", random(), random());
}

}  // namespace

OutputFolder::OutputFolder(std::string path, Links links) : path_(std::move(path)) {
  const int follow = links == Links::refused ? O_NOFOLLOW : 0;
  descriptor_ = FileDescriptor(open(path_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC | follow));
  if (!descriptor_.valid())
    throw input_error("{}: no folder that can be written to: {}", path_, errno_text(errno));
}

void OutputFolder::write(const std::string& name, const std::string& text) const {
  OutputFile file(*this, name);
  file.stream() << text;
  file.finish();
}

OutputFile::OutputFile(const std::string& path) : path_(path) {
  if (path_.empty()) {
    stream_.rdbuf(&buffer_.emplace(STDOUT_FILENO));
    return;
  }
  if (is_written_as_it_stands(path_)) {
    file_ = FileDescriptor(open(path_.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY));
    if (!file_.valid()) fail(errno);
    stream_.rdbuf(&buffer_.emplace(file_.get()));
    return;
  }
  const std::filesystem::path whole(path_);
  const std::string parent = whole.parent_path().string();
  parent_.emplace(parent.empty() ? "." : parent);
  folder_ = parent_->descriptor();
  open_beside(whole.filename().string());
}

OutputFile::OutputFile(const OutputFolder& folder, const std::string& name)
    : path_(folder.path_of(name)), folder_(folder.descriptor()) {
  open_beside(name);
}

// A new file, so that nothing else bears its name or has it open.
void OutputFile::open_beside(const std::string& name) {
  name_ = name;
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  do {
    temporary_ = random_name();
    file_ = FileDescriptor(openat(folder_, temporary_.c_str(), kFlags, 0666));
  } while (!file_.valid() && errno == EEXIST);
  if (!file_.valid()) {
    temporary_.clear();
    fail(errno);
  }
  stream_.rdbuf(&buffer_.emplace(file_.get()));
}

OutputFile::~OutputFile() {
  if (!temporary_.empty()) unlinkat(folder_, temporary_.c_str(), 0);
}

void OutputFile::finish() {
  stream_.flush();
  if (buffer_->error() != 0) fail(buffer_->error());
  if (!file_.valid()) return;
  if (::close(file_.release()) != 0) fail(errno);
  if (temporary_.empty()) return;
  if (renameat(folder_, temporary_.c_str(), folder_, name_.c_str()) != 0) fail(errno);
  temporary_.clear();
}

void OutputFile::fail(int code) const {
  if (path_.empty()) throw run_error("stdout: {}", errno_text(code));
  throw cannot_write(path_, code);
}

void write_output(const std::string& path, const std::string& text) {
  OutputFile file(path);
  file.stream() << text;
  file.finish();
}

void say(const std::string& line) { std::fputs(("analyze: " + printable(line) + "\n").c_str(), stderr); }

}  // namespace lockstep
