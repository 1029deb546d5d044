// Bandwidths of collectives by the definitions of nccl-tests. Pure.
#pragma once

#include <cstdint>
#include <string>

namespace lockstep {

// bytes / seconds: what one rank sees.
double algorithm_bandwidth(double bytes, double seconds);

// The part that the wires carry, comparable over p: 2(p-1)/p for all_reduce, (p-1)/p for reduce_scatter and
// all_gather, 1 for the rest.
double bus_bandwidth(const std::string& kind, double algorithm_bandwidth, std::int64_t ranks);

}  // namespace lockstep
