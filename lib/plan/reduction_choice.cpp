#include "plan/reduction_choice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace lockstep {

namespace {

constexpr std::array kBucketSizes = {5.0, 25.0, 100.0};  // MiB
constexpr int kRounds = 3, kTimesPerRound = 2;
// Two runs of the same step on an idle machine differ by less.
constexpr double kTie = 0.03;
constexpr double kMilli = 1e-3;

std::vector<double> sizes_to_try(const AskedReduction& asked, double usual) {
  std::vector<double> sizes = {usual};
  if (asked.bucket_mb) return sizes;
  for (const double size : kBucketSizes)
    if (size >= asked.first_bucket_mb && size != usual) sizes.push_back(size);
  return sizes;
}

std::vector<Overlap> overlaps_to_try(const AskedReduction& asked) {
  if (asked.overlap) return {*asked.overlap};
  if (asked.spare_core) return {Overlap::during, Overlap::after, Overlap::thread};
  return {Overlap::during, Overlap::after};
}

bool known(double seconds) { return std::isfinite(seconds) && seconds > 0; }

std::string milliseconds(double seconds) { return fmt::format("{:.3g} ms", seconds / kMilli); }

}  // namespace

Reduction AskedReduction::or_else(const Reduction& other) const {
  return {overlap.value_or(other.overlap), std::max(bucket_mb.value_or(other.bucket_mb), first_bucket_mb)};
}

Reduction AskedReduction::usual() const { return or_else({}); }

std::vector<Reduction> candidates(const AskedReduction& asked, std::span<const ParameterShape> parameters) {
  const std::vector<std::size_t> order = reverse_order(parameters.size());
  const Reduction usual = asked.usual();
  std::vector<std::vector<std::size_t>> layouts;
  std::vector<Reduction> result;
  for (const double size : sizes_to_try(asked, usual.bucket_mb)) {
    std::vector<std::size_t> layout =
        plan_buckets(parameters, order, {asked.first_bucket_mb, size}).bucket_of;
    if (std::find(layouts.begin(), layouts.end(), layout) != layouts.end()) continue;
    layouts.push_back(std::move(layout));
    for (const Overlap overlap : overlaps_to_try(asked)) result.push_back({overlap, size});
  }
  return result;
}

std::vector<TrialStep> trial_schedule(std::span<const Reduction> candidates) {
  // Candidates of a size lie side by side; there and back again saves changes of size.
  std::vector<std::vector<std::size_t>> sizes;
  for (std::size_t c = 0; c < candidates.size(); ++c) {
    if (c == 0 || candidates[c].bucket_mb != candidates[c - 1].bucket_mb) sizes.emplace_back();
    sizes.back().push_back(c);
  }
  std::vector<TrialStep> schedule;
  std::optional<double> laid_out;  // bucket size
  for (int round = 0; round < kRounds; ++round) {
    for (const std::vector<std::size_t>& size : sizes) {
      const double bucket_mb = candidates[size.front()].bucket_mb;
      if (laid_out != bucket_mb) schedule.push_back({size.front(), false});
      laid_out = bucket_mb;
      for (int time = 0; time < kTimesPerRound; ++time)
        for (const std::size_t candidate : size) schedule.push_back({candidate, true});
    }
    std::reverse(sizes.begin(), sizes.end());
  }
  return schedule;
}

std::int64_t steps_of_trial(std::span<const TrialStep> schedule) {
  return kStepsBeforeTrial + static_cast<std::int64_t>(schedule.size()) + 1;
}

ReductionChoice choose(std::span<const Reduction> candidates, std::span<const double> seconds) {
  std::size_t best = 0;
  for (std::size_t c = 1; c < seconds.size(); ++c)
    if (known(seconds[c]) && (!known(seconds[best]) || seconds[c] < seconds[best])) best = c;
  if (!known(seconds[best])) return {0, "no step could be timed, so the usual way is kept"};
  const std::string tried =
      fmt::format("the fastest of {} tried, {} a step", candidates.size(), milliseconds(seconds[best]));
  if (best == 0 || !known(seconds[0])) return {best, tried};
  const double gain = 1 - seconds[best] / seconds[0];
  if (gain <= kTie)
    return {0, fmt::format("{} a step; none of the {} tried is more than {:.0f} % faster",
                           milliseconds(seconds[0]), candidates.size(), 100 * kTie)};
  return {best, fmt::format("{}, {:.1f} % less than with {}", tried, 100 * gain, text_of(candidates[0]))};
}

std::vector<double> slowest_of(std::span<const std::vector<double>> by_rank) {
  std::vector<double> slowest = by_rank.front();
  for (const std::vector<double>& rank : by_rank)
    for (std::size_t c = 0; c < slowest.size(); ++c)
      if (!(rank[c] <= slowest[c])) slowest[c] = std::isnan(slowest[c]) ? slowest[c] : rank[c];
  return slowest;
}

double median_of(std::vector<double> values) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

}  // namespace lockstep
