#include "analysis/verbs/watch.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <ctime>
#include <map>

#include "analysis/model/progress.hpp"
#include "analysis/quantities/numbers.hpp"
#include "analysis/render/output_file.hpp"
#include "analysis/render/render.hpp"
#include "analysis/tables/summary.hpp"
#include "base/error.hpp"
#include "timing/clock.hpp"

namespace lockstep {

namespace {

constexpr double kPause = 1, kPauseByReading = 5;  // seconds; and times what the last reading took

// As the times of files are.
double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// What tells that a file has grown, or is another one.
struct FileState {
  std::int64_t size = 0;
  double changed = 0;  // seconds since 1970
  bool operator==(const FileState&) const = default;
};
using FileStates = std::map<std::string, FileState>;

FileStates states_below(const std::vector<std::string>& paths) {
  const FoundFiles found = find_files(paths);
  FileStates states;
  for (const auto* files : {&found.runs, &found.benches}) {
    for (const std::string& file : *files) {
      struct stat s {};
      if (stat(file.c_str(), &s) == 0)
        states[file] = {
            s.st_size, static_cast<double>(s.st_mtim.tv_sec) + 1e-9 * static_cast<double>(s.st_mtim.tv_nsec)};
    }
  }
  return states;
}

// When the file of a run that is not finished was written last; 0: it is gone, so the run has ended meanwhile.
double last_change(const Launch& launch, const FileStates& states) {
  for (const std::string& file : {launch.path, launch.path + "/run.h5.partial", launch.path + "/run.h5"})
    if (const auto found = states.find(file); found != states.end()) return found->second.changed;
  return 0;
}

std::vector<Cell> running_row(const Launch& launch, const FileStates& states) {
  const double changed = last_change(launch, states);
  const auto began = seconds_of_timestamp(launch.header.started);
  const double started = began ? static_cast<double>(*began) : changed;
  const RunProgress p = progress_of(launch, changed - started, now() - changed);
  std::string done = fmt::format("{} {}", p.in_steps ? "step" : "epoch", p.done);
  if (p.total > 0) done += fmt::format(" of {}", p.total);
  return {launch.path, done, p.done > 0 ? Cell(p.comm_share) : Cell(),
          p.left ? Cell(duration_text(*p.left)) : Cell(),
          duration_text(std::max(0.0, now() - changed)) + " ago"};
}

// Runs that are still running are shown by themselves: they are no launches yet.
Table take_running(RunSet& runs, const FileStates& states) {
  Table table{"running",
              "Running",
              {{"path", "", ""},
               {"done", "", "done"},
               {.key = "", .unit = "1", .header = "comm %", .style = Style::percent},
               {"left", "", "left"},
               {"", "", "written"}}};
  for (const Launch& launch : runs.launches)
    if (launch.header.status == "running") table.rows.push_back(running_row(launch, states));
  std::erase_if(runs.launches, [](const Launch& launch) { return launch.header.status == "running"; });
  // Read in the middle of a write: it will be there the next time.
  std::erase_if(runs.unreadable,
                [](const std::string& line) { return line.find(".partial: ") != std::string::npos; });
  return table;
}

std::string text_of(const AnalyzeOptions& options, const FileStates& states) {
  if (states.empty()) return fmt::format("Waiting for the first run below {}.\n", options.paths.front());
  RunSet runs;
  try {
    runs = read_runs(options.paths);
  } catch (const Error& error) {  // a file may be there before its content is
    return fmt::format("Waiting: {}\n", error.what());
  }
  Table running = take_running(runs, states);
  const Analysis analysis(std::move(runs), options.baseline);
  Page page = options.full ? summary_page(analysis, options) : answer_page(analysis, options);
  if (analysis.runs.launches.empty()) page.title = "No run has ended yet";
  if (!running.rows.empty()) page.answer_tables.insert(page.answer_tables.begin(), std::move(running));
  return render_text(page);
}

std::string clock_text() {
  const std::time_t seconds = std::time(nullptr);
  std::tm local{};
  localtime_r(&seconds, &local);
  return fmt::format("{:02}:{:02}:{:02}", local.tm_hour, local.tm_min, local.tm_sec);
}

void show(const std::string& text) {
  const bool terminal = isatty(STDOUT_FILENO) == 1;
  write_output("", (terminal ? "\x1b[H\x1b[2J" : "") + text +
                       fmt::format("\n{}, watching; Ctrl-C ends it.\n", clock_text()));
}

// Whether one of the signals came within the time.
bool interrupted_within(const sigset_t& signals, double seconds) {
  timespec time{};
  time.tv_sec = static_cast<std::time_t>(seconds);
  time.tv_nsec = static_cast<long>(1e9 * (seconds - static_cast<double>(time.tv_sec)));
  return sigtimedwait(&signals, nullptr, &time) > 0;
}

}  // namespace

ExitCode run_watch(const AnalyzeOptions& options) {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM}) sigaddset(&signals, signal);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  std::optional<FileStates> shown;
  for (double pause = kPause;;) {
    FileStates states = states_below(options.paths);
    if (states != shown) {
      const SteadyTime begin = steady_now();
      show(text_of(options, states));
      pause = std::max(kPause, kPauseByReading * seconds_between(begin, steady_now()));
      shown = std::move(states);
    }
    if (interrupted_within(signals, pause)) return ExitCode::done;
  }
}

}  // namespace lockstep
