// Rules that look at how steady a run's pace is, at its ranks' clocks, and at what each rank does.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "analysis/checks/rule_functions.hpp"
#include "analysis/metrics/series.hpp"
#include "analysis/metrics/statistics.hpp"
#include "analysis/quantities/numbers.hpp"

namespace lockstep::checks {

namespace {

constexpr double kMisleading = 0.2;     // a change of pace after which a mean step represents neither part
constexpr double kStallFactor = 2;      // times the median, at the least, and
constexpr double kStallSigmas = 6;      // of the logarithms
constexpr double kStalledShare = 0.02;  // of the steady time
constexpr double kGapShare = 0.01;      // of the time in steps
constexpr double kIdle = 0.01;          // of what the median rank computes
constexpr double kUneven = 1.1;         // times the samples of the rank with the fewest
constexpr double kLeastSigma = 1e-6;    // of logarithms

double change_of(const Launch& launch) {
  return launch.level_change ? launch.level_change->after / launch.level_change->before - 1 : 0;
}

std::string levels(const Launch& launch) {
  const LevelChange& change = *launch.level_change;
  return fmt::format("{} ms a step up to step {}, {} ms from there on", milliseconds(change.before),
                     launch.warmup + change.at - 1, milliseconds(change.after));
}

}  // namespace

Detail drifts(const RunData&, const Launch& launch) {
  if (!(change_of(launch) >= kMisleading)) return {};
  return fmt::format("{}: {} % slower; look for throttling and for other programs, and run it again",
                     levels(launch), number(100 * change_of(launch)));
}

// 20 % either way: 1.25 times as long at first is 20 % less afterwards.
Detail starts_slowly(const RunData&, const Launch& launch) {
  if (!(-change_of(launch) >= kMisleading)) return {};
  return fmt::format("{}; set measure.warmup to {} on both sides, and train for longer", levels(launch),
                     launch.warmup + launch.level_change->at);
}

Detail unsteady(const RunData&, const Launch& launch) {
  if (!launch.level_change || std::abs(change_of(launch)) >= kMisleading) return {};
  return fmt::format("{}; run it again, for longer, on a machine that does nothing else", levels(launch));
}

Detail stalled_steps(const RunData&, const Launch& launch) {
  std::vector<double> logs;
  double total = 0;
  for (const Quantities& step : launch.steady()) {
    if (!(step[Quantity::wall] > 0)) return {};
    logs.push_back(std::log(step[Quantity::wall]));
    total += step[Quantity::wall];
  }
  if (logs.size() < 3) return {};
  const double usual = std::exp(median(logs));
  const double limit =
      usual * std::max(kStallFactor, std::exp(kStallSigmas * noise_of(logs, kLeastSigma).sigma));
  double excess = 0;
  std::int64_t stalls = 0;
  for (const Quantities& step : launch.steady())
    if (step[Quantity::wall] > limit) excess += step[Quantity::wall] - usual, ++stalls;
  if (!(excess > kStalledShare * total)) return {};
  return fmt::format(
      "{} of {} steady steps take more than {} ms, where {} ms is usual, and take {} % of the time; see "
      "what else runs or writes then",
      stalls, logs.size(), milliseconds(limit), milliseconds(usual), number(100 * excess / total));
}

Detail gaps_between_steps(const RunData& run, const Launch& launch) {
  const StepTable& t = run.steps;
  double gaps = 0, largest = 0;
  std::int64_t before = 0;  // the step that the largest gap is before
  for (std::int64_t s = 1; s < t.steps(); ++s) {
    if (t.epoch.at(0, s) != t.epoch.at(0, s - 1)) continue;  // an epoch ends with its evaluation
    const double gap = t.start.at(0, s) - t.start.at(0, s - 1) - t.wall.at(0, s - 1);
    gaps += std::max(0.0, gap);
    if (gap > largest) largest = gap, before = s;
  }
  if (!(gaps > kGapShare * launch.training_seconds)) return {};
  return fmt::format(
      "{} s lie between steps of one epoch, {} s are in steps; the longest, of {} s, is before step {}; the "
      "run took {} s: compare wall_seconds, and see what delayed it",
      number(gaps), number(launch.training_seconds), number(largest), before,
      number(run.header.wall_seconds));
}

Detail clocks_apart(const RunData&, const Launch& launch) {
  if (!launch.clock_gap) return {};
  const ClockGap& gap = *launch.clock_gap;
  return fmt::format(
      "by rank {}'s, collectives end {} ms {} than by rank {}'s, and {} ms can be explained; synchronise "
      "the nodes' clocks and run it again",
      gap.rank, milliseconds(std::abs(gap.seconds)), gap.seconds > 0 ? "later" : "earlier", gap.other,
      milliseconds(gap.bound));
}

Detail unmatched(const RunData&, const Launch& launch) {
  if (launch.unmatched_collectives == 0) return {};
  if (launch.recorded_ranks < launch.ranks)
    return fmt::format("the file has {} of {} ranks; record all of them", launch.recorded_ranks,
                       launch.ranks);
  return fmt::format(
      "{} collectives were not recorded exactly once by each rank of their group; run it again",
      launch.unmatched_collectives);
}

Detail idle_rank(const RunData&, const Launch& launch) {
  if (launch.ranks < 2) return {};
  std::vector<double> seconds;
  for (const Quantities& rank : launch.rank_steps) seconds.push_back(rank.passes());
  const double usual = percentile(seconds, 1);
  for (std::size_t r = 0; r < seconds.size(); ++r)
    if (usual > 0 && seconds[r] < kIdle * usual)
      return fmt::format(
          "rank {} computes for {} ms of a step, the busiest for {} ms; start fewer ranks, or give it work",
          r, milliseconds(seconds[r]), milliseconds(usual));
  return {};
}

Detail uneven_work(const RunData& run, const Launch& launch) {
  if (!launch.shares_batches()) return {};
  const Matrix<std::int32_t>& samples = run.steps.samples;
  std::vector<double> sums;
  for (std::int64_t r = 0; r < samples.rows; ++r) {
    const auto row = samples.values.begin() + r * samples.columns;
    sums.push_back(std::accumulate(row, row + samples.columns, 0.0));
  }
  if (sums.size() < 2) return {};
  const auto [least, most] = std::minmax_element(sums.begin(), sums.end());
  // A batch that the ranks do not divide leaves them a sample apart.
  if (*most - *least <= static_cast<double>(samples.columns) || *most <= kUneven * *least) return {};
  return fmt::format(
      "rank {} trained on {:.0f} samples, rank {} on {:.0f}; let the ranks divide the global batch",
      most - sums.begin(), *most, least - sums.begin(), *least);
}

Detail not_a_number(const RunData& run, const Launch& launch) {
  const Matrix<float>& loss = run.steps.loss;
  const std::int64_t last = loss.columns - 1;
  bool any = loss.rows == 0 || last < 0;  // of a split model one rank alone may know the loss
  for (std::int64_t r = 0; r < loss.rows && !any; ++r) any = std::isfinite(loss.at(r, last));
  if (!any)
    return fmt::format(
        "the loss of step {} is not a number; lower training.optimizer.lr or clip the gradients", last);
  if (launch.metric.empty() || run.epochs.empty()) return {};
  const EpochRow& end = run.epochs.back();
  const bool measured = run.data.validation_rows > 0 || run.data.test_rows > 0;
  if (!measured || std::isfinite(end.validation_metric) || std::isfinite(end.test_metric)) return {};
  return fmt::format("{} after the last epoch is not a number, although there are rows to measure it on",
                     launch.metric);
}

}  // namespace lockstep::checks
