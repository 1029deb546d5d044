// What a rank runs on: CPU, cores, memory, device.
#pragma once

#include <c10/core/Device.h>

#include <map>
#include <string>
#include <vector>

#include "config/run_config.hpp"
#include "launch/world.hpp"
#include "results/run_data.hpp"

namespace lockstep {

// Local. threads: that compute; they are asked where they may run. loader_threads: that the rank
// will have. clock_offset and clock_error stay 0 until World::measure_clock_offset fills them.
RankEnvironment describe_rank(const c10::Device& device, int threads, int loader_threads);

// Collective. Every rank's entry, in order of rank, on every rank.
std::vector<RankEnvironment> gather_environments(World& world, const RankEnvironment& mine);

// Compute threads of this rank: parallel.threads, or cores of the node / ranks on it, at least 1 and at most
// the cores this process is bound to. A core counts once, however many hardware threads it has.
int threads_per_rank(const RunConfig& config, const World& world);

// Cores this process may run on, also where OpenMP has bound its main thread to one of them; and cores of the node, as
// far as the control group lets its ranks use them:
// the CPU quota (cpu_quota.hpp) counts as cores, rounded down, and is taken to be shared by the ranks of the
// node.
int bound_cores();
int node_cores();
// quota: CPUs; 0: none.
int cores_within(int cores, double quota);

}  // namespace lockstep
