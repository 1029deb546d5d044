#include "analysis/render/gnuplot.hpp"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "analysis/render/escape.hpp"
#include "base/error.hpp"

namespace lockstep {

namespace {

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

File temporary_file() {
  File file(std::tmpfile(), std::fclose);
  if (!file) throw run_error("cannot make a temporary file: {}", errno_text(errno));
  return file;
}

[[noreturn]] void become(const std::string& program, const std::string& folder, int in, int err) {
  const bool ready = chdir(folder.c_str()) == 0 && dup2(in, STDIN_FILENO) >= 0 &&
                     dup2(err, STDOUT_FILENO) >= 0 && dup2(err, STDERR_FILENO) >= 0;
  if (ready) execl(program.c_str(), program.c_str(), "--default-settings", "-", static_cast<char*>(nullptr));
  _exit(127);
}

int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::string complaint_in(std::FILE* file) {
  std::array<char, 2048> text{};
  std::rewind(file);
  const std::size_t length = std::fread(text.data(), 1, text.size(), file);
  std::replace(text.begin(), text.end(), '\n', ' ');
  return one_line(std::string(text.data(), length), 300);
}

}  // namespace

std::string find_gnuplot() {
  const char* path = std::getenv("PATH");
  const std::string folders = path ? path : "";
  for (std::size_t begin = 0; begin <= folders.size();) {
    const std::size_t end = std::min(folders.find(':', begin), folders.size());
    const std::string candidate = folders.substr(begin, end - begin) + "/gnuplot";
    std::error_code error;
    if (end > begin && std::filesystem::is_regular_file(candidate, error) &&
        access(candidate.c_str(), X_OK) == 0)
      return std::filesystem::absolute(candidate).string();
    begin = end + 1;
  }
  return "";
}

std::string run_gnuplot(const std::string& program, const std::string& script, const std::string& folder) {
  const File in = temporary_file(), err = temporary_file();
  if (std::fwrite(script.data(), 1, script.size(), in.get()) != script.size() || std::fflush(in.get()) != 0)
    return "the script cannot be written: " + errno_text(errno);
  std::rewind(in.get());
  const pid_t child = fork();
  if (child < 0) return "gnuplot cannot be started: " + errno_text(errno);
  if (child == 0) become(program, folder, fileno(in.get()), fileno(err.get()));
  const int code = wait_for(child);
  return code == 0 ? "" : fmt::format("gnuplot failed ({}): {}", code, complaint_in(err.get()));
}

}  // namespace lockstep
