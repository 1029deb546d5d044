// Rules that look at the conditions under which the launches of a group, or a group and its baseline, ran.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <map>
#include <set>

#include "analysis/checks/rule_functions.hpp"
#include "analysis/metrics/statistics.hpp"
#include "analysis/quantities/numbers.hpp"
#include "results/crowded_cores.hpp"

namespace lockstep::checks {

namespace {

constexpr double kOutlier = 1.3;       // times the median of the other launches, and
constexpr double kOutlierSpreads = 4;  // times their range
constexpr double kStarved = 0.1;       // of a step
constexpr double kFarApart = 7;        // days
constexpr double kOtherLoss = 0.25;    // of the baseline's loss after its first epoch

double mean_wall(const Launch& launch) { return mean_of(launch.steady())[Quantity::wall]; }

double data_share(const LaunchGroup& group) {
  std::vector<double> shares;
  for (const Launch* launch : group.launches) {
    const Quantities step = mean_of(launch->steady());
    shares.push_back(step[Quantity::data] / step[Quantity::wall]);
  }
  return median(shares);
}

// The values of a key in the launches of a group, joined.
std::string said(const LaunchGroup& group, const std::string& key) {
  std::set<std::string> values;
  for (const Launch* launch : group.launches) values.insert(launch->setting(key));
  std::string all;
  for (const std::string& value : values)
    all += fmt::format("{}{}", all.empty() ? "" : " and ", value.empty() ? "not recorded" : value);
  return all;
}

Detail unlike(const LaunchGroup& group, const LaunchGroup& baseline, const std::string& key) {
  const std::string here = said(group, key), there = said(baseline, key);
  if (here == there) return {};
  return fmt::format("{} {}, baseline {}; set it alike", key, here, there);
}

// Days since 1970, of "2026-01-31T12:00:00Z"; nothing for other texts.
std::optional<double> day_of(const std::string& started) {
  if (started.size() < 10) return {};
  const auto at = [&](std::size_t place, std::size_t digits) {
    int value = 0;
    std::from_chars(started.data() + place, started.data() + place + digits, value);
    return value;
  };
  const std::chrono::year_month_day date{std::chrono::year(at(0, 4)),
                                         std::chrono::month(static_cast<unsigned>(at(5, 2))),
                                         std::chrono::day(static_cast<unsigned>(at(8, 2)))};
  if (!date.ok()) return {};
  return static_cast<double>(std::chrono::sys_days(date).time_since_epoch().count());
}

}  // namespace

Detail oversubscribed(const RunData& run, const Launch& launch) {
  if (launch.on_gpu()) return {};
  const auto crowded = find_crowded_cores(run.ranks);
  return crowded ? describe(*crowded) : Detail{};
}

// Copies of one launch, whatever they call themselves.
Detail copied(const Launch& launch, std::span<const Launch> earlier) {
  if (launch.times_digest == 0) return {};
  for (const Launch& other : earlier)
    if (other.times_digest == launch.times_digest && other.data.digest == launch.data.digest &&
        other.header.uuid != launch.header.uuid && other.usable())
      return fmt::format("all step times are those of {}, to the last digit; launch the program again",
                         other.path);
  return {};
}

Detail outlier_launch(const LaunchGroup& group) {
  const std::size_t n = group.launches.size();
  if (n < 3) return {};
  for (const Launch* one : group.launches) {
    std::vector<double> others;
    for (const Launch* other : group.launches)
      if (other != one) others.push_back(std::log(mean_wall(*other)));
    const double away = std::abs(std::log(mean_wall(*one)) - median(others));
    const double spread = percentile(others, 1) - percentile(others, 0);
    if (!(away > std::log(kOutlier)) || !(away > kOutlierSpreads * spread)) continue;
    return fmt::format(
        "a step of {} takes {} ms, of the {} others {} ms; see what else was running, and launch more",
        one->path, milliseconds(mean_wall(*one)), n - 1, milliseconds(std::exp(median(others))));
  }
  return {};
}

// What auto came to.
Detail other_reductions(const LaunchGroup& group) {
  std::map<std::string, std::int64_t> launches;
  for (const Launch* launch : group.launches)
    if (launch->reduction) ++launches[text_of(launch->reduction->chosen)];
  if (launches.size() < 2) return {};
  std::string text;
  for (const auto& [way, count] : launches)
    text += fmt::format("{}{} of {} {}", text.empty() ? "" : ", ", count, group.launches.size(), way);
  return text + "; set parallel.overlap and parallel.bucket_mb to measure one of them";
}

Detail no_fingerprint(const LaunchGroup& group, const LaunchGroup& baseline) {
  for (const LaunchGroup* g : {&group, &baseline})
    for (const Launch* launch : g->launches)
      if (launch->fingerprint.empty())
        return fmt::format(
            "'{}' has no fingerprint of the hardware; {}", g->label,
            launch->imported() ? "import it with --hardware or --like" : "run it again with this version");
  return {};
}

Detail other_warmup(const LaunchGroup& group, const LaunchGroup& baseline) {
  return unlike(group, baseline, "measure.warmup");
}

Detail data_starved(const LaunchGroup& group, const LaunchGroup& baseline) {
  const double here = data_share(group), there = data_share(baseline);
  if (!(there > kStarved) || !(there > here)) return {};
  return fmt::format("{} % of its step, {} % of that of '{}'; give it more data.workers or faster storage",
                     number(100 * there), number(100 * here), group.label);
}

Detail fewer_cores(const LaunchGroup& group, const LaunchGroup& baseline) {
  const std::int64_t here = group.any().cores, there = baseline.any().cores;
  if (group.any().on_gpu() || here == 0 || there == 0 || there >= here) return {};
  return fmt::format("{} for its rank, {} for each rank of '{}'; bind both alike", there, here, group.label);
}

Detail far_apart(const LaunchGroup& group, const LaunchGroup& baseline) {
  std::vector<double> here, there;
  for (const Launch* launch : group.launches)
    if (const auto day = day_of(launch->header.started)) here.push_back(*day);
  for (const Launch* launch : baseline.launches)
    if (const auto day = day_of(launch->header.started)) there.push_back(*day);
  const double days = std::abs(median(here) - median(there));
  if (!(days > kFarApart)) return {};
  return fmt::format("{:.0f} days; measure both again, in turn", days);
}

Detail other_loader(const LaunchGroup& group, const LaunchGroup& baseline) {
  return unlike(group, baseline, "data.workers");
}

Detail other_messages(const LaunchGroup& group, const LaunchGroup& baseline) {
  for (const Launch* launch : group.launches) {
    const std::string dtype = launch->setting("parallel.reduce_dtype");
    if (dtype.empty() || dtype == "fp32" || launch->setting("training.precision") == dtype) continue;
    return fmt::format("parallel.reduce_dtype is {}; compare what is learned with that of '{}'", dtype,
                       baseline.label);
  }
  return {};
}

Detail other_checkpoints(const LaunchGroup& group, const LaunchGroup& baseline) {
  return unlike(group, baseline, "checkpoint.every_epochs");
}

// Equal seed, data and batch give equal learning.
Detail other_loss(const LaunchGroup& group, const LaunchGroup& baseline) {
  if (group.any().weak_scaling()) return {};
  std::vector<double> differences;
  double scale = 0;
  for (const Launch* mine : group.launches)
    for (const Launch* theirs : baseline.launches)
      if (mine->setting("run.seed") == theirs->setting("run.seed") && mine->train_loss &&
          theirs->train_loss) {
        differences.push_back(*mine->train_loss - *theirs->train_loss);
        scale = std::max(scale, theirs->first_train_loss);
      }
  if (differences.empty() || !(scale > 0)) return {};
  const double difference = median(differences);
  if (!(std::abs(difference) > kOtherLoss * scale)) return {};
  return fmt::format(
      "with equal seeds it ends {} {} than the baseline's, which began at {}; look for differing keys and "
      "data",
      number(std::abs(difference)), difference > 0 ? "higher" : "lower", number(scale));
}

}  // namespace lockstep::checks
