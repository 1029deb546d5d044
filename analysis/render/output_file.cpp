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

#include "base/durable_file.hpp"
#include "base/text.hpp"
#include "base/unfinished_file.hpp"

namespace lockstep {

namespace {

Error cannot_write(const std::string& path, int code) {
  return Error(meaning_of_write_error(code),
               fmt::format("{}: cannot be written: {}", path, errno_text(code)));
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

constexpr std::string_view kUnfinished = ".analyze.";

std::string random_name() {
  std::random_device random;
  return fmt::format("{}{:08x}{:08x}", kUnfinished, random(), random());
}

bool is_unfinished(const std::string& name) {
  return name.starts_with(kUnfinished) && name.size() == kUnfinished.size() + 16 &&
         name.find_first_not_of("0123456789abcdef", kUnfinished.size()) == std::string::npos;
}

}  // namespace

OutputFolder::OutputFolder(std::string path, Links links) : path_(std::move(path)) {
  const int follow = links == Links::refused ? O_NOFOLLOW : 0;
  descriptor_ = FileDescriptor(open(path_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC | follow));
  if (!descriptor_.valid())
    throw input_error("{}: the folder cannot be written to: {}", path_, errno_text(errno));
  // Left by killed processes; removed through the descriptor, since the path may lead elsewhere by now.
  remove_abandoned(fmt::format("/proc/self/fd/{}", descriptor_.get()), is_unfinished);
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
  do {
    temporary_ = random_name();
    file_ = create_unfinished(folder_, temporary_);
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
  const bool as_it_stands = temporary_.empty();
  if (::close(as_it_stands ? file_.release() : dup(file_.get())) != 0) fail(errno);
  if (as_it_stands) return;
  if (renameat(folder_, temporary_.c_str(), folder_, name_.c_str()) != 0) fail(errno);
  temporary_.clear();
  file_.reset();  // its lock was held until it had its name
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
