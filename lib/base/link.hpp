// Link: what a message and a collective cost on latency and bandwidth alone. The one model of the simulated
// link (comm/sim_communicator.hpp) and of what analyze fits and predicts (analysis/metrics/link_model.hpp).
#pragma once

#include <cstdint>
#include <limits>

namespace lockstep {

// Hockney 1994: a message of m bytes takes latency + m / bandwidth from one rank to another. Collectives of p
// ranks are those of a ring (Patarasuk and Yuan 2009), one at a time; 0 for one rank. bytes: as Work::bytes.
struct Link {
  double latency = 0;                                          // seconds
  double bandwidth = std::numeric_limits<double>::infinity();  // bytes per second; infinity: size is free
  double message(double bytes) const { return latency + bytes / bandwidth; }
  // 2 (p-1) latency + 2 ((p-1)/p) m / bandwidth
  double all_reduce(double bytes, std::int64_t ranks) const { return 2 * all_gather(bytes, ranks); }
  // Half of it, for reduce-scatter too: (p-1) latency + ((p-1)/p) m / bandwidth, of the larger tensor.
  double all_gather(double bytes, std::int64_t ranks) const {
    const double hops = hops_of(ranks);
    return hops * latency + hops / (hops + 1) * bytes / bandwidth;
  }
  // In small pieces from rank to rank, and a reduction the other way: (p-1) latency + m / bandwidth.
  double broadcast(double bytes, std::int64_t ranks) const {
    return ranks < 2 ? 0 : hops_of(ranks) * latency + bytes / bandwidth;
  }
  // An all-reduce of nothing.
  double barrier(std::int64_t ranks) const { return all_reduce(0, ranks); }

 private:
  static double hops_of(std::int64_t ranks) { return ranks < 2 ? 0 : static_cast<double>(ranks - 1); }
};

}  // namespace lockstep
