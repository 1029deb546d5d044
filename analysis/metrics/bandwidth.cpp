#include "analysis/metrics/bandwidth.hpp"

namespace lockstep {

double algorithm_bandwidth(double bytes, double seconds) { return bytes / seconds; }

double bus_bandwidth(const std::string& kind, double algorithm_bandwidth, std::int64_t ranks) {
  const double p = static_cast<double>(ranks);
  if (kind == "all_reduce") return algorithm_bandwidth * 2 * (p - 1) / p;
  if (kind == "reduce_scatter" || kind == "all_gather") return algorithm_bandwidth * (p - 1) / p;
  return algorithm_bandwidth;
}

}  // namespace lockstep
