#include "analysis/metrics/link_model.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "analysis/metrics/least_squares.hpp"

namespace lockstep {

namespace {

constexpr double kTellApart = 1.5;  // the largest size by the smallest

}  // namespace

std::optional<Link> fit_link(std::span<const MessageTime> all_reduces, std::int64_t ranks) {
  if (ranks < 2) return {};
  const double p = static_cast<double>(ranks);
  double least = std::numeric_limits<double>::infinity(), most = 0;
  std::vector<Observation> observations;
  for (const MessageTime& m : all_reduces) {
    if (!(m.bytes > 0 && m.seconds > 0)) continue;
    least = std::min(least, m.bytes);
    most = std::max(most, m.bytes);
    observations.push_back(
        {2 * (p - 1), 2 * (p - 1) / p * m.bytes, m.seconds, std::sqrt(m.count) / m.seconds});
  }
  if (!(most >= kTellApart * least)) return {};
  const auto [latency, seconds_per_byte] = robust_non_negative_fit(std::move(observations));
  return Link{latency, 1 / seconds_per_byte};
}

double exposed_with_buckets(double bucket_bytes, double gradient_bytes, double algorithm_bandwidth,
                            double launch_seconds) {
  return bucket_bytes / algorithm_bandwidth + gradient_bytes / bucket_bytes * launch_seconds;
}

BucketAdvice best_bucket(double gradient_bytes, double algorithm_bandwidth, double launch_seconds) {
  const double bytes = std::sqrt(gradient_bytes * launch_seconds * algorithm_bandwidth);
  return {bytes, exposed_with_buckets(bytes, gradient_bytes, algorithm_bandwidth, launch_seconds)};
}

}  // namespace lockstep
