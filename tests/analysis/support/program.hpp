// The program, run as a user runs it: folders of run files, and what it says, writes and takes.
#pragma once

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "analysis/support/synthetic_run.hpp"
#include "results/run_writer.hpp"

namespace lockstep::test {

// A folder of its own for each test case.
class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "analyze_test.XXXXXX").string();
    path_ = mkdtemp(pattern.data());
    std::filesystem::permissions(path_, std::filesystem::perms(0755));
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

// Written in one piece: the epochs of the tables are not told apart by the reader of the file.
inline void write_run(const std::string& folder, const RunData& run) {
  std::filesystem::create_directories(folder);
  RunWriter writer(folder + "/run.h5", run);
  writer.append_epoch(run.steps, run.comm, {}, run.epochs.front(), run.audit.front());
  if (run.header.status != "running")
    writer.finish(run.header.status, run.header.valid, run.header.invalid_reasons, run.header.wall_seconds);
}

// Runs of one epoch, for write_run.
inline RunData one_epoch(SyntheticRun s) {
  s.epochs = 1;
  return make_run(s);
}

inline void write_usual(const Folder& folder) {
  for (int seed = 1; seed <= 2; ++seed) {
    write_run(folder / ("seq" + std::to_string(seed)), one_epoch(usual_seq(seed)));
    write_run(folder / ("nested/deeper/ddp" + std::to_string(seed)), one_epoch(usual_ddp(seed)));
  }
}

inline std::string text_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

struct Outcome {
  int code = -1, signal = 0;
  std::string out, err;
  double cpu_seconds = 0;
  long peak_kib = 0;  // of the program and its children, the largest of them
};

// A line of bash, in which `analyze` is the program.
inline Outcome bash(const Folder& folder, const std::string& line) {
  // Not below the folder: what the program says must not become what it reads.
  const std::string out = folder.path() + ".out", err = folder.path() + ".err";
  const std::string command =
      "analyze() { '" ANALYZE_PROGRAM "' \"$@\"; }; exec >'" + out + "' 2>'" + err + "'; " + line;
  const pid_t child = fork();
  if (child == 0) {
    execl("/bin/bash", "bash", "-c", command.c_str(), static_cast<char*>(nullptr));
    _exit(127);
  }
  int status = 0;
  rusage used{};
  wait4(child, &status, 0, &used);
  Outcome outcome{WIFEXITED(status) ? WEXITSTATUS(status) : -1,
                  WIFSIGNALED(status) ? WTERMSIG(status) : 0,
                  text_of(out),
                  text_of(err),
                  static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                      1e-6 * static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec),
                  used.ru_maxrss};
  std::filesystem::remove(out);
  std::filesystem::remove(err);
  return outcome;
}

inline Outcome analyze(const Folder& folder, const std::string& arguments,
                       const std::string& environment = "") {
  return bash(folder, environment + "exec '" ANALYZE_PROGRAM "' " + arguments);
}

inline std::set<std::string> names_in(const std::string& folder) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    names.insert(entry.path().filename().string());
  return names;
}

inline auto lines_in(const std::string& text) { return std::count(text.begin(), text.end(), '\n'); }

}  // namespace lockstep::test
