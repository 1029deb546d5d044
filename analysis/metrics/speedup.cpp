#include "analysis/metrics/speedup.hpp"

#include <limits>

namespace lockstep {

double speedup(double seconds_on_one, double seconds_on_p) { return seconds_on_one / seconds_on_p; }

double efficiency(double speedup, std::int64_t ranks) { return speedup / static_cast<double>(ranks); }

double karp_flatt(double speedup, std::int64_t ranks) {
  if (ranks < 2) return std::numeric_limits<double>::quiet_NaN();
  const double p = static_cast<double>(ranks);
  return (1 / speedup - 1 / p) / (1 - 1 / p);
}

std::optional<double> amdahl_parallel_share(double speedup, std::int64_t ranks) {
  if (ranks < 2 || speedup < 1 || speedup > static_cast<double>(ranks)) return {};
  return (1 - 1 / speedup) / (1 - 1 / static_cast<double>(ranks));
}

}  // namespace lockstep
