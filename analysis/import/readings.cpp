#include "analysis/import/readings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <numeric>
#include <tuple>

#include "analysis/import/names.hpp"
#include "analysis/metrics/statistics.hpp"
#include "analysis/quantities/numbers.hpp"

namespace lockstep {

namespace {

namespace fs = std::filesystem;

constexpr double kTimestamp = 9e8;  // seconds since 1970, in 1998: no training takes as long
// Growth from row to row, by what a row would take if the first were a running total. Epochs of like length
// give about 1, epochs that become a little slower about 0.
constexpr double kRunningTotal = 0.5, kSlowingDown = 0.15;

bool fits_in(const ImportedRun& run, std::size_t i, const std::vector<double>& times) {
  return i + 1 < times.size() && times[i + 1] > times[i] && run.epochs[i + 1].epoch > run.epochs[i].epoch;
}

// Rows of which each begins where the times fall, as after a restart.
std::vector<std::pair<std::size_t, std::size_t>> growing_pieces(const ImportedRun& run,
                                                                const std::vector<double>& times) {
  std::vector<std::pair<std::size_t, std::size_t>> pieces;
  for (std::size_t begin = 0; begin < times.size();) {
    std::size_t end = begin + 1;
    while (fits_in(run, end - 1, times)) ++end;
    pieces.emplace_back(begin, end);
    begin = end;
  }
  return pieces;
}

// Median growth from row to row, by the first row's time and the epochs that it would be the total of.
double growth_of(const ImportedRun& run, const std::vector<double>& times, std::size_t begin,
                 std::size_t end) {
  std::vector<double> steps;
  for (std::size_t i = begin + 1; i < end; ++i)
    steps.push_back((times[i] - times[i - 1]) / std::max(1.0, run.epochs[i].epoch - run.epochs[i - 1].epoch));
  const double first = run.epochs[begin].epoch;
  const double counted_from_0 = run.epochs.front().epoch < 1 ? 1 : 0;
  return median(steps) * std::max(1.0, first + counted_from_0) / times[begin];
}

// Differences within each piece. The first row of a run that began before its first row has none.
void take_differences(ImportedRun& run, const std::vector<double>& times) {
  for (const auto& [begin, end] : growing_pieces(run, times)) {
    const double from_0 = run.epochs.front().epoch < 1 ? 1 : 0;
    const bool from_the_start = run.epochs[begin].epoch + from_0 <= 1 && times[begin] < kTimestamp;
    for (std::size_t i = begin; i < end; ++i)
      run.epochs[i].seconds = i > begin ? times[i] - times[i - 1] : from_the_start ? times[i] : NAN;
  }
}

void leave_unclear(ImportedRun& run, std::string why) {
  run.unclear = std::move(why);
  for (ImportedEpoch& e : run.epochs) e.seconds = NAN;
}

// Whether the rows' times are totals since the start.
void read_times(ImportedRun& run) {
  std::vector<double> times;
  for (const ImportedEpoch& e : run.epochs) times.push_back(e.seconds);
  if (times.size() < 2 || !std::all_of(times.begin(), times.end(), [](double t) { return t > 0; })) return;
  const auto pieces = growing_pieces(run, times);
  const auto longest = std::max_element(pieces.begin(), pieces.end(), [](const auto& a, const auto& b) {
    return a.second - a.first < b.second - b.first;
  });
  const bool mostly_growing = pieces.size() <= 1 + times.size() / 4;
  if (!mostly_growing) return;
  const bool timestamps = times.front() > kTimestamp;
  const double growth = timestamps ? 1 : growth_of(run, times, longest->first, longest->second);
  const double least = run.times == TimeOf::epoch ? kRunningTotal : kSlowingDown;
  if (!timestamps && growth < least && run.times != TimeOf::since_start) {
    if (growth > 0.01 && times.size() > 2 && pieces.size() == 1)
      run.assumed.push_back("its times grow a little from row to row: taken as epochs that become slower");
    return;
  }
  const bool total = timestamps || (run.times == TimeOf::since_start && growth >= kSlowingDown) ||
                     (run.times == TimeOf::unknown && growth >= kRunningTotal && times.size() > 2);
  if (!total)
    return leave_unclear(
        run, fmt::format("its times only grow, from {} to {} s: per epoch, or since the start? Call the "
                         "column 'elapsed', or give each epoch's own time",
                         number(times.front()), number(times.back())));
  take_differences(run, times);
  run.assumed.push_back(timestamps
                            ? "its times are taken as times of day: an epoch takes their difference"
                            : "its times only grow: taken as totals since the start; an epoch takes the "
                              "difference");
}

bool has_times(const ImportedRun& run) {
  return std::any_of(run.epochs.begin(), run.epochs.end(), [](const auto& e) { return e.seconds > 0; });
}

bool has_one_time(const ImportedRun& run) {
  return run.epochs.size() == 1 && run.epochs[0].seconds > 0 && run.epoch_count == 0 &&
         run.times != TimeOf::epoch && std::isnan(run.total_seconds);
}

// One number for all epochs.
void read_total(ImportedRun& run) {
  const bool one = run.epochs.size() == 1 && run.epochs[0].seconds > 0;
  if (one && run.epoch_count > 1 && run.times != TimeOf::epoch && !(run.total_seconds > 0)) {
    run.total_seconds = run.epochs[0].seconds;
    run.epochs[0].seconds = NAN;
    run.assumed.push_back(fmt::format("its only time, {} s, is taken as the total of its {} epochs",
                                      number(run.total_seconds), run.epoch_count));
  }
  if (!(run.total_seconds > 0) || has_times(run) || !run.unclear.empty()) return;
  const std::int64_t epochs = run.epoch_count > 0 ? run.epoch_count : std::ssize(run.epochs);
  if (epochs > 1 || run.epoch_count == 1) {
    run.assumed.push_back(fmt::format("an epoch is taken to last its total of {} s divided by its {} epochs",
                                      number(run.total_seconds), epochs));
    if (run.epochs.empty()) run.epochs.push_back({NAN, NAN, NAN, NAN, NAN});
    for (ImportedEpoch& e : run.epochs) e.seconds = run.total_seconds / static_cast<double>(epochs);
  } else {
    run.unclear = "it has a total time but no number of epochs; add 'epochs'";
  }
}

void read_names(ImportedRun& run) {
  const fs::path folder = fs::path(run.source).parent_path();
  const std::string above = folder.filename().string();
  const std::string further = run.name == above ? folder.parent_path().filename().string() : "";
  for (const std::string& name : {run.name, above, further}) {
    if (run.mode.empty()) run.mode = mode_in(name);
    if (const std::string mode = mode_in(run.mode); !mode.empty()) run.mode = mode;
    if (run.ranks == 0) run.ranks = ranks_in(name);
    if (run.ranks == 0 && run.mode == "seq") run.ranks = 1;  // whatever its folder is called
  }
  if (run.mode.empty() && run.ranks == 1) run.mode = "seq";
}

}  // namespace

// Records of one epoch, as of training and of evaluation, are one row, unless two of them say the same.
void add_record(ImportedRun& run, const ImportedEpoch& record) {
  constexpr double ImportedEpoch::*kValues[] = {&ImportedEpoch::train_loss, &ImportedEpoch::seconds,
                                                &ImportedEpoch::validation_loss, &ImportedEpoch::accuracy};
  const bool again = !run.epochs.empty() && run.epochs.back().epoch == record.epoch;
  const auto clash = [&](double ImportedEpoch::*v) {
    return !std::isnan(record.*v) && !std::isnan(run.epochs.back().*v);
  };
  if (!again || std::any_of(std::begin(kValues), std::end(kValues), clash))
    return run.epochs.push_back(record);
  for (double ImportedEpoch::*v : kValues)
    if (!std::isnan(record.*v)) run.epochs.back().*v = record.*v;
}

void settle(ImportedRun& run) {
  read_names(run);
  read_times(run);
  read_total(run);
  for (const ImportedEpoch& e : run.epochs) run.percent = run.percent || e.accuracy > 1.5;
  if (!run.percent) return;
  for (ImportedEpoch& e : run.epochs) e.accuracy /= 100;
}

void place_in_folder(ImportedRun& run) {
  const fs::path file(run.source), folder = file.parent_path();
  const std::string stem = without_rank(file.stem().string());
  const bool generic = is_generic(stem) && !folder.filename().empty();
  if (run.name.empty()) run.name = generic ? folder.filename().string() : stem;
  run.set = generic ? folder.parent_path().string() : folder.string();
}

void doubt_single_times(std::vector<ImportedRun>& runs) {
  std::map<std::string, bool> known;  // sets in which an epoch's time is known
  for (const ImportedRun& run : runs) {
    bool& epochs = known[run.set];
    epochs = epochs || (has_times(run) && !has_one_time(run));
  }
  for (ImportedRun& run : runs) {
    if (!has_one_time(run)) continue;
    const std::string time = number(run.epochs[0].seconds);
    if (known[run.set])
      leave_unclear(
          run, fmt::format("its only time, {} s, may be that of one epoch or of all; add 'epochs'", time));
    else
      run.assumed.push_back(
          fmt::format("its only time, {} s, is compared with the only times of others as it is", time));
  }
}

namespace {

// What the files of the ranks of one run have in common.
std::tuple<std::string, std::string, std::string, std::int64_t> run_of(const ImportedRun& run) {
  const fs::path file(run.source);
  return {file.parent_path().string(), without_rank(file.stem().string()), without_rank(run.name), run.ranks};
}

void add_rank(ImportedRun& into, const ImportedRun& rank) {
  for (std::size_t i = 0; i < into.epochs.size() && i < rank.epochs.size(); ++i)
    into.epochs[i].seconds = std::fmax(into.epochs[i].seconds, rank.epochs[i].seconds);
  into.total_seconds = std::fmax(into.total_seconds, rank.total_seconds);
  if (into.unclear.empty()) into.unclear = rank.unclear;
}

}  // namespace

std::vector<ImportedRun> merge_ranks(std::vector<ImportedRun> runs) {
  std::map<std::tuple<std::string, std::string, std::string, std::int64_t>, std::vector<std::size_t>> known;
  std::vector<bool> merged(runs.size(), false);
  for (std::size_t i = 0; i < runs.size(); ++i)
    if (runs[i].rank >= 0) known[run_of(runs[i])].push_back(i);
  for (auto& [key, members] : known) {
    std::sort(members.begin(), members.end(),
              [&](std::size_t a, std::size_t b) { return runs[a].rank < runs[b].rank; });
    const auto twice = [&](std::size_t a, std::size_t b) { return runs[a].rank == runs[b].rank; };
    if (std::adjacent_find(members.begin(), members.end(), twice) != members.end()) continue;
    ImportedRun& first = runs[members.front()];
    for (std::size_t m = 1; m < members.size(); ++m) {
      add_rank(first, runs[members[m]]);
      merged[members[m]] = true;
    }
    const auto written = std::ssize(members);
    if (first.ranks == 0 && written > 1) first.ranks = written;
    first.name = without_rank(first.name);
    first.assumed.push_back(
        written > 1 ? fmt::format("the files of {} ranks are taken as one run, whose epochs last as long as "
                                  "the slowest rank's",
                                  written)
                    : fmt::format("it is the file of rank {}", first.rank));
  }
  std::vector<ImportedRun> result;
  for (std::size_t i = 0; i < runs.size(); ++i)
    if (!merged[i]) result.push_back(std::move(runs[i]));
  return result;
}

}  // namespace lockstep
