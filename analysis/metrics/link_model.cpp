#include "analysis/metrics/link_model.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "analysis/metrics/least_squares.hpp"

namespace lockstep {

namespace {

constexpr double kTellApart = 1.5;  // the largest size by the smallest

// t = latencies x latency + share x bytes / bandwidth.
std::optional<Link> fit(std::span<const MessageTime> times, double latencies, double share) {
  double least = std::numeric_limits<double>::infinity(), most = 0;
  std::vector<Observation> observations;
  for (const MessageTime& m : times) {
    if (!(m.bytes > 0 && m.seconds > 0)) continue;
    least = std::min(least, m.bytes);
    most = std::max(most, m.bytes);
    observations.push_back({latencies, share * m.bytes, m.seconds, std::sqrt(m.count) / m.seconds});
  }
  if (!(most >= kTellApart * least)) return {};
  const auto [latency, seconds_per_byte] = robust_non_negative_fit(std::move(observations));
  return Link{latency, 1 / seconds_per_byte};
}

}  // namespace

std::optional<Link> fit_link(std::string_view kind, std::span<const MessageTime> times, std::int64_t ranks) {
  if (ranks < 2) return {};
  const double p = static_cast<double>(ranks), rounds = kind == "reduce_scatter" ? 1 : 2;
  return fit(times, rounds * (p - 1), rounds * (p - 1) / p);
}

std::optional<Link> fit_message_link(std::span<const MessageTime> messages) { return fit(messages, 1, 1); }

double exposed_with_buckets(double bucket_bytes, double gradient_bytes, double algorithm_bandwidth,
                            double launch_seconds) {
  return bucket_bytes / algorithm_bandwidth + gradient_bytes / bucket_bytes * launch_seconds;
}

BucketAdvice best_bucket(double gradient_bytes, double algorithm_bandwidth, double launch_seconds) {
  const double bytes = std::sqrt(gradient_bytes * launch_seconds * algorithm_bandwidth);
  return {bytes, exposed_with_buckets(bytes, gradient_bytes, algorithm_bandwidth, launch_seconds)};
}

}  // namespace lockstep
