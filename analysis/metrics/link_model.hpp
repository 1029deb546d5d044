// What a message costs: latency and bandwidth, the ring all-reduce made of them, and what that says about
// bucket sizes. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace lockstep {

// Hockney 1994: a message of m bytes takes latency + m / bandwidth from one rank to another.
struct Link {
  double latency = 0;    // seconds
  double bandwidth = 0;  // bytes per second; infinity: the size does not matter
  double message(double bytes) const { return latency + bytes / bandwidth; }
  // Ring all-reduce (Patarasuk and Yuan 2009): 2 (p-1) latency + 2 ((p-1)/p) m / bandwidth; 0 for one rank.
  double all_reduce(double bytes, std::int64_t ranks) const;
};

struct MessageTime {
  double bytes = 0, seconds = 0;
  double count = 1;  // how many messages this stands for
};

// The link behind measured all-reduces of p > 1 ranks, by a robust fit of relative errors. Nothing with fewer
// than two sizes that differ by a factor of 1.5: latency and bandwidth could not be told apart.
std::optional<Link> fit_link(std::span<const MessageTime> all_reduces, std::int64_t ranks);

// The same behind measured messages from one rank to another.
std::optional<Link> fit_message_link(std::span<const MessageTime> messages);

// The bucket size b that costs least, b* = sqrt(s o w): s gradient bytes, w algorithm bandwidth, o seconds
// that starting one bucket costs; and what stays exposed then, b/w + (s/b) o.
struct BucketAdvice {
  double bytes = 0, exposed = 0;
};
double exposed_with_buckets(double bucket_bytes, double gradient_bytes, double algorithm_bandwidth,
                            double launch_seconds);
BucketAdvice best_bucket(double gradient_bytes, double algorithm_bandwidth, double launch_seconds);

}  // namespace lockstep
