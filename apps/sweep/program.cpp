#include "apps/sweep/program.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>

#include "apps/sweep/launcher.hpp"
#include "apps/sweep/plan.hpp"
#include "apps/sweep/precision.hpp"
#include "apps/sweep/process.hpp"
#include "apps/sweep/state.hpp"
#include "base/random.hpp"
#include "base/standard_output.hpp"

namespace lockstep {

namespace {

struct Task {
  std::size_t point;
  int launch;  // from 1
};

std::string clock_text(double seconds) {
  const auto whole = static_cast<long>(seconds + 0.5);
  if (whole < 100) return fmt::format("{} s", whole);
  if (whole < 100 * 60) return fmt::format("{} min", (whole + 30) / 60);
  return fmt::format("{:.1f} h", static_cast<double>(whole) / 3600);
}

// How long runs take: as the finished ones of the same point did, else as all did.
class Durations {
 public:
  void add(const std::string& point, double seconds) {
    of_point_[point].push_back(seconds);
    all_.push_back(seconds);
  }
  std::optional<double> of(const std::string& point) const {
    const auto found = of_point_.find(point);
    if (found != of_point_.end()) return mean_of(found->second);
    if (all_.empty()) return {};
    return mean_of(all_);
  }

 private:
  static double mean_of(const std::vector<double>& values) {
    double sum = 0;
    for (const double value : values) sum += value;
    return sum / static_cast<double>(values.size());
  }
  std::map<std::string, std::vector<double>> of_point_;
  std::vector<double> all_;
};

// Each round of launches in an order of its own, so that no point is always the first.
std::vector<Task> round_of(std::size_t points, int launch, std::uint64_t seed) {
  std::vector<Task> tasks;
  const RandomStream stream({seed, static_cast<std::uint64_t>(launch)});
  for (const std::int64_t point : random_permutation(static_cast<std::int64_t>(points), stream))
    tasks.push_back({static_cast<std::size_t>(point), launch});
  return tasks;
}

// What analyze printed first: the answer, before the verdict in full.
std::string answer_in(const std::string& log) {
  std::ifstream in(log);
  std::string text;
  for (std::string line; std::getline(in, line) && line != "Verdict";) text += line + '\n';
  return text;
}

class Sweep {
 public:
  Sweep(const SweepOptions& options, std::string bin)
      : options_(options), bin_(std::move(bin)), plan_(plan_sweep(options.sweep)) {}

  ExitCode show_plan() {
    std::string lines;
    for (int launch = 1; launch <= options_.sweep.repeats.least; ++launch) add_round(round(launch));
    for (const Task& task : round(1)) {
      const SweepPoint& point = plan_.points[task.point];
      lines += fmt::format("{}\n  {}\n", point.label, shell_line(command_of(point, folder_of(point, 1))));
    }
    for (const std::string& line : plan_.left_out) lines += fmt::format("left out: {}\n", line);
    double left = 0;
    bool known = true;
    for (const Task& task : queue_) {
      const std::optional<double> seconds = durations_.of(plan_.points[task.point].id);
      known = known && seconds;
      left += seconds.value_or(0);
    }
    lines +=
        fmt::format("{} runs of {} points, {} to be made; estimated time: {}\n", total_, plan_.points.size(),
                    queue_.size(), known ? clock_text(left) : "unknown until one has been measured");
    write_standard_output(lines);
    return ExitCode::done;
  }

  ExitCode run() {
    folder_.emplace(options_.output);
    const SignalsHeld held;
    for (const std::string& line : plan_.left_out) say(fmt::format("left out: {}", line));
    for (int launch = 1; launch <= options_.sweep.repeats.least; ++launch) add_round(round(launch));
    make_runs();
    if (options_.sweep.repeats.until > 0) repeat_until_precise();
    if (interrupted_) {
      say(fmt::format("interrupted; call sweep again with --output {} to continue", options_.output));
      return ExitCode::failed;
    }
    show_outcome();
    return analyse() && failed_ == 0 ? ExitCode::done : ExitCode::failed;
  }

 private:
  std::string folder_of(const SweepPoint& point, int launch) const {
    return launch_folder(options_.output, point.id, launch);
  }

  RunState state_of(const SweepPoint& point, int launch) const {
    return state_of_launch(options_.output, point.id, launch);
  }

  std::vector<Task> round(int launch) const {
    return round_of(plan_.points.size(), launch, options_.sweep.seed);
  }

  std::vector<std::string> command_of(const SweepPoint& point, const std::string& output) const {
    const SweepFile& sweep = options_.sweep;
    return launch_command(point.mode == "seq" ? sweep.launcher_seq : sweep.launcher, point, bin_, output);
  }

  bool is_to_do(const RunState& state) const {
    if (state.kind == RunState::Kind::failed) return options_.retry_failed;
    return state.kind != RunState::Kind::done;
  }

  void say(const std::string& line) const {
    if (!options_.quiet) write_standard_output(line + '\n');
  }

  // Counts what is there already; what is not comes into the queue.
  void add_round(const std::vector<Task>& round) {
    for (const Task& task : round) {
      const SweepPoint& point = plan_.points[task.point];
      const RunState state = state_of(point, task.launch);
      launches_[task.point] = std::max(launches_[task.point], task.launch);
      if (is_to_do(state) && pass_over(task)) continue;
      ++total_;
      if (is_to_do(state)) {
        queue_.push_back(task);
        continue;
      }
      ++made_;
      note(task, state);
    }
  }

  // A point whose input is wrong fails once, not once a launch.
  bool pass_over(const Task& task) {
    const bool wrong = bad_input_.contains(task.point);
    if (wrong) ++passed_over_;
    return wrong;
  }

  void note(const Task& task, const RunState& state) {
    const SweepPoint& point = plan_.points[task.point];
    if (state.kind == RunState::Kind::done) {
      durations_.add(point.id, state.seconds);
      point_of_run_[state.uuid] = task.point;
    } else {
      ++failed_;
      if (state.bad_input) bad_input_.insert(task.point);
      failures_.push_back(fmt::format("{}, launch {}: {}", point.label, task.launch, state.why));
    }
  }

  void make_runs() {
    if (made_ > 0 && !queue_.empty()) say(fmt::format("{} of {} runs are done already", made_, total_));
    for (std::size_t i = 0; i < queue_.size() && !interrupted_; ++i) {
      if (pass_over(queue_[i]))
        --total_;
      else
        make_run(queue_[i], i);
    }
    queue_.clear();
  }

  void make_run(const Task& task, std::size_t at) {
    const SweepPoint& point = plan_.points[task.point];
    folder_->begin(point.id, task.launch);
    const std::string folder = folder_->launch_folder(point.id, task.launch);
    const std::string log = folder + "/output.txt";
    const ProcessEnd end = run_process(command_of(point, folder), log, options_.sweep.time_limit_s);
    if (end.interrupted) {
      interrupted_ = true;
      return;
    }
    RunState state = state_of(point, task.launch);
    if (state.kind != RunState::Kind::done) {
      folder_->record_failure(point.id, task.launch, reason_of(end, log));
      state = state_of(point, task.launch);
    }
    note(task, state);
    ++made_;
    say(fmt::format("[{}/{}] {}, launch {}: {}{}", made_, total_, point.label, task.launch, outcome_of(state),
                    time_left(at + 1)));
  }

  std::string reason_of(const ProcessEnd& end, const std::string& log) const {
    if (end.timed_out)
      return fmt::format("ended at the time limit of {} s (time_limit_s)", options_.sweep.time_limit_s);
    return failure_of(end.exit_code, last_words(log));
  }

  static std::string outcome_of(const RunState& state) {
    if (state.kind == RunState::Kind::failed) return "FAILED: " + state.why;
    return clock_text(state.seconds) + (state.valid ? "" : ", NOT VALID");
  }

  std::string time_left(std::size_t next) const {
    double seconds = 0;
    for (std::size_t i = next; i < queue_.size(); ++i)
      seconds += durations_.of(plan_.points[queue_[i].point].id).value_or(0);
    return next < queue_.size() && seconds > 0 ? fmt::format("; about {} left", clock_text(seconds)) : "";
  }

  void repeat_until_precise() {
    const SweepRepeats& repeats = options_.sweep.repeats;
    while (!interrupted_) {
      std::set<std::size_t> points;
      for (const std::string& uuid : runs_to_repeat(folder_->runs(), repeats.until))
        if (const auto found = point_of_run_.find(uuid); found != point_of_run_.end())
          points.insert(found->second);
      std::erase_if(points, [&](std::size_t point) { return launches_[point] >= repeats.most; });
      if (points.empty()) return;
      say(fmt::format("{} points are not yet known within {:.3g} %: one more launch of each", points.size(),
                      100 * repeats.until));
      std::vector<Task> round;
      for (const std::size_t point : points) round.push_back({point, launches_[point] + 1});
      add_round(round);
      make_runs();
    }
  }

  void show_outcome() const {
    say(fmt::format("{} runs, {} failed", total_, failed_));
    for (const std::string& failure : failures_) say("  " + failure);
    if (passed_over_ > 0) say(fmt::format("  launches skipped because the input is wrong: {}", passed_over_));
    if (failed_ > 0) say("  --retry-failed repeats these");
  }

  // Whether there is an analysis, where there is something to analyse.
  bool analyse() const {
    if (failed_ == total_) return true;
    const std::string log = options_.output + "/analysis.txt";
    std::filesystem::remove(log);
    const ProcessEnd end = run_process({bin_ + "/analyze", "--full", folder_->runs()}, log, 0);
    if (end.exit_code != 0 && end.exit_code != 3) {
      say(fmt::format("analyze ended with exit code {}: {}", end.exit_code, last_words(log)));
      return false;
    }
    say(answer_in(log));
    say(fmt::format("analysis: {}\nreport:   {}/report/index.html", log, folder_->runs()));
    return true;
  }

  const SweepOptions& options_;
  std::string bin_;
  SweepPlan plan_;
  std::optional<SweepFolder> folder_;
  std::vector<Task> queue_;
  Durations durations_;
  std::map<std::size_t, int> launches_;              // of each point, so far
  std::map<std::string, std::size_t> point_of_run_;  // by uuid
  std::vector<std::string> failures_;
  std::set<std::size_t> bad_input_;  // points
  std::size_t total_ = 0, made_ = 0, failed_ = 0, passed_over_ = 0;
  bool interrupted_ = false;
};

}  // namespace

ExitCode run_sweep(const SweepOptions& options, const std::string& bin) {
  Sweep sweep(options, bin);
  return options.dry_run ? sweep.show_plan() : sweep.run();
}

}  // namespace lockstep
