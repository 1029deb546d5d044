// A link fitted to measured collectives, and what it says about bucket sizes. What a message costs on a link:
// base/link.hpp. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/link.hpp"

namespace lockstep {

struct MessageTime {
  double bytes = 0, seconds = 0;
  double count = 1;  // number of messages that this represents
};

// The link fitted to measured collectives of one kind (all_reduce, reduce_scatter) of p > 1 ranks, by a robust fit of
// relative errors. Nothing with fewer than two sizes that differ by a factor of 1.5: latency and bandwidth could not be
// told apart.
std::optional<Link> fit_link(std::string_view kind, std::span<const MessageTime> times, std::int64_t ranks);

// The same for measured messages from one rank to another.
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
