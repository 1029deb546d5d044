#include "apps/sweep/state.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/durable_file.hpp"
#include "results/run_reader.hpp"

namespace lockstep {

namespace fs = std::filesystem;

namespace {

const char* const kFailed = "/failed.txt";

Error cannot_write(const std::string& path, int code) {
  return Error(meaning_of_write_error(code), fmt::format("--output {}: {}", path, errno_text(code)));
}

void make_folder(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) throw cannot_write(path, error.value());
}

std::string first_line_of(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

RunState failed_run(const std::string& why) {
  const std::string bad_input = failure_of(static_cast<int>(ExitCode::bad_input), "");
  return {RunState::Kind::failed, why, why == bad_input || why.starts_with(bad_input + ':')};
}

// A run that can be read and has come to its end; nothing otherwise.
std::optional<RunState> finished_run(const fs::path& folder) {
  const std::string file = find_run_file(folder.string());
  if (file.empty()) return {};
  try {
    const RunHeader header = read_header(file);
    if (header.status != "complete") return {};
    return RunState{.kind = RunState::Kind::done,
                    .seconds = header.wall_seconds,
                    .uuid = header.uuid,
                    .valid = header.valid};
  } catch (const Error&) {
    return {};  // cut short while it was written
  }
}

}  // namespace

std::string failure_of(int exit_code, const std::string& words) {
  return fmt::format("exit code {}{}{}", exit_code, words.empty() ? "" : ": ", words);
}

std::string launch_folder(const std::string& sweep, const std::string& point, int launch) {
  return fmt::format("{}/runs/{}/launch-{}", sweep, point, launch);
}

RunState state_of_launch(const std::string& sweep, const std::string& point, int launch) {
  const std::string folder = launch_folder(sweep, point, launch);
  std::error_code error;
  if (!fs::is_directory(folder, error)) return {};
  if (fs::exists(folder + kFailed)) return failed_run(first_line_of(folder + kFailed));
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.is_directory())
      if (const auto run = finished_run(entry.path())) return *run;
  return {RunState::Kind::cut_short};
}

SweepFolder::SweepFolder(std::string path) : path_(std::move(path)) {
  make_folder(runs());
  const std::string lock = path_ + "/.lock";
  // Never closed: the processes that are started inherit it, so that a run which outlives its sweep still
  // holds the folder.
  const int descriptor = open(lock.c_str(), O_RDWR | O_CREAT, 0666);
  if (descriptor < 0) throw cannot_write(path_, errno);
  // A run whose sweep was killed takes some seconds to end.
  bool held = flock(descriptor, LOCK_EX | LOCK_NB) == 0;
  for (int tenths = 0; !held && tenths < 200; ++tenths) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    held = flock(descriptor, LOCK_EX | LOCK_NB) == 0;
  }
  if (!held)
    throw input_error(
        "{}: another sweep, or a run that it started, is using this folder; wait until it ends, or give "
        "another --output",
        path_);
}

std::string SweepFolder::launch_folder(const std::string& point, int launch) const {
  return lockstep::launch_folder(path_, point, launch);
}

void SweepFolder::begin(const std::string& point, int launch) const {
  const std::string folder = launch_folder(point, launch);
  if (fs::exists(folder)) {
    make_folder(path_ + "/attempts");
    std::string aside;
    for (int n = 1; aside.empty() || fs::exists(aside); ++n)
      aside = fmt::format("{}/attempts/{}_launch-{}_{}", path_, point, launch, n);
    fs::rename(folder, aside);
  }
  make_folder(folder);
}

void SweepFolder::record_failure(const std::string& point, int launch, const std::string& why) const {
  DurableFile file(launch_folder(point, launch) + kFailed);
  const std::string line = why + '\n';
  file.write(line.data(), line.size());
  file.commit();
}

void SweepFolder::forget_failure(const std::string& point, int launch) const {
  fs::remove(launch_folder(point, launch) + kFailed);
}

}  // namespace lockstep
