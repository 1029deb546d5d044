#include "analysis/model/link_bench.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <tuple>

#include "analysis/metrics/bandwidth.hpp"
#include "analysis/metrics/repetition.hpp"
#include "analysis/runs/launch.hpp"
#include "base/random.hpp"

namespace lockstep {

namespace {

constexpr int kLinkDraws = 200;

// One number a repetition, over the ranks that took part in it.
template <typename Choose>
std::vector<double> over_ranks(const Matrix<double>& seconds, Choose choose) {
  std::vector<double> result;
  for (std::int64_t k = 0; k < seconds.columns; ++k) {
    double chosen = 0;
    for (std::int64_t r = 0; r < seconds.rows; ++r)
      if (seconds.at(r, k) > 0) chosen = chosen > 0 ? choose(chosen, seconds.at(r, k)) : seconds.at(r, k);
    result.push_back(chosen);
  }
  return result;
}

struct Sized {
  double bytes = 0;
  std::vector<double> seconds;  // of each repetition
};

std::vector<Sized> messages_of(const CommBench& bench, const std::string& collective) {
  std::vector<Sized> sized;
  for (const CommBenchCase& one : bench.cases)
    if (one.collective == collective && one.bytes > 0 && one.seconds.columns > 0)
      sized.push_back({static_cast<double>(one.bytes),
                       over_ranks(one.seconds, [](double a, double b) { return std::min(a, b); })});
  return sized;
}

using Fit = std::optional<Link> (*)(std::span<const MessageTime>, std::int64_t ranks);

std::optional<Link> fitted(const std::vector<Sized>& sized, Fit fit, std::int64_t ranks) {
  std::vector<MessageTime> times;
  for (const Sized& s : sized) times.push_back({s.bytes, median(s.seconds)});
  const auto link = fit(times, ranks);
  return link && std::isfinite(link->bandwidth) ? link : std::nullopt;
}

std::vector<Sized> resampled(const std::vector<Sized>& sized, RandomStream& random) {
  std::vector<Sized> result = sized;
  for (std::size_t i = 0; i < sized.size(); ++i)
    for (double& s : result[i].seconds) s = sized[i].seconds[random.below(sized[i].seconds.size())];
  return result;
}

// Resamples the repetitions of each size: the interval covers this launch, not future ones.
std::optional<BenchLink> link_of(const std::vector<Sized>& sized, Fit fit, std::int64_t ranks,
                                 const std::string& uuid) {
  const auto point = fitted(sized, fit, ranks);
  if (!point) return {};
  RandomStream random({seed_of({uuid, "link"})});
  std::vector<double> latencies, bandwidths;
  std::size_t fewest = std::numeric_limits<std::size_t>::max();
  for (const Sized& s : sized) fewest = std::min(fewest, s.seconds.size());
  for (int draw = 0; draw < kLinkDraws; ++draw)
    if (const auto link = fitted(resampled(sized, random), fit, ranks)) {
      latencies.push_back(link->latency);
      bandwidths.push_back(link->bandwidth);
    }
  return BenchLink{estimate_from_draws(point->latency, latencies, fewest),
                   estimate_from_draws(point->bandwidth, bandwidths, fewest), std::ssize(sized)};
}

bool is_exact(const CommBench& bench) {
  return std::all_of(bench.cases.begin(), bench.cases.end(),
                     [](const CommBenchCase& one) { return one.wrong == 0; });
}

bool fits(const LinkBench& bench, const Launch& launch) {
  if (!bench.usable || !bench.all_reduce || bench.fingerprint != launch.fingerprint) return false;
  if (launch.ranks < 2) return true;
  return bench.backend == launch.setting("parallel.backend") && (bench.nodes > 1) == (launch.nodes > 1);
}

}  // namespace

BenchRow row_of(const CommBenchCase& one) {
  BenchRow row;
  row.collective = one.collective;
  row.bytes = one.bytes;
  row.root = one.root;
  row.wrong = one.wrong;
  row.repetitions = one.seconds.columns;
  const std::vector<double> longest =
      over_ranks(one.seconds, [](double a, double b) { return std::max(a, b); });
  const std::vector<double> cuts = percentiles(longest, std::array{0.0, 0.5, 0.95});
  row.fastest = cuts[0];
  row.median = cuts[1];
  row.p95 = cuts[2];
  if (one.bytes == 0 || !(row.median > 0)) return row;
  row.algorithm_bandwidth = algorithm_bandwidth(static_cast<double>(one.bytes), row.median);
  row.bus_bandwidth = bus_bandwidth(one.collective, row.algorithm_bandwidth, one.seconds.rows);
  return row;
}

LinkBench reduce_bench(const CommBench& bench, const std::string& path) {
  LinkBench result;
  result.path = path;
  result.uuid = bench.header.uuid;
  result.started = bench.header.started;
  result.backend = bench.backend;
  result.dtype = bench.dtype;
  result.fingerprint = bench.fingerprint;
  result.usable = bench.header.status == "complete" && bench.header.valid && is_exact(bench);
  for (const CommBenchCase& one : bench.cases) {
    result.ranks = one.seconds.rows;
    if (one.seconds.columns > 0) result.rows.push_back(row_of(one));
  }
  result.nodes = nodes_of(bench.ranks);
  result.all_reduce = link_of(
      messages_of(bench, "all_reduce"),
      [](std::span<const MessageTime> times, std::int64_t ranks) {
        return fit_link("all_reduce", times, ranks);
      },
      result.ranks, bench.header.uuid);
  result.message = link_of(
      messages_of(bench, "send_recv"),
      [](std::span<const MessageTime> times, std::int64_t) { return fit_message_link(times); }, result.ranks,
      bench.header.uuid);
  return result;
}

const LinkBench* bench_of(const Launch& launch, const std::vector<LinkBench>& benches) {
  const auto rank = [&](const LinkBench& b) {
    return std::tuple(b.ranks == launch.ranks, b.ranks, b.started);
  };
  const LinkBench* best = nullptr;
  for (const LinkBench& bench : benches)
    if (fits(bench, launch) && (!best || rank(bench) > rank(*best))) best = &bench;
  return best;
}

}  // namespace lockstep
