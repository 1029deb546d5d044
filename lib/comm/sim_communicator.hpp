// Communicator over a simulated link: every operation is carried out by another back end, and ends as much
// later as the link would take for it. "What if this were 10 GbE", and known truth for the analysis.
//
// The link of a communicator carries one collective at a time: it begins when the last rank has come and the
// operation before it has ended, and costs what base/link.hpp says of a ring, plus the jitter. Messages from
// one rank to another follow one another by their bytes / bandwidth, and each arrives a latency and a jitter
// later; send and recv end together, once both ranks have come, and so do the two messages of an exchange,
// which are as long as one: the link carries both ways at once. The jitter is drawn for each operation,
// evenly between 0 and `jitter`, from the seed and the number of the operation: equal on all ranks, and in
// every run.
//
// What the carrying back end takes itself comes on top. Only Work::wait and Work::times block until the later
// end; until then the host computes on, so that overlap hides what it would hide of a real link.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/link.hpp"
#include "comm/communicator.hpp"
#include "config/run_config.hpp"
#include "timing/slowdown.hpp"

namespace lockstep {

struct SimOptions {
  Link link = {};
  double jitter = 0;  // seconds
  std::uint64_t seed = 0;
  std::shared_ptr<Slowdown> slowdown = {};  // of this rank's compute; null: none
};

// parallel.link and run.seed, for this rank and this number of ranks. Error(bad_input) if the slow rank does
// not exist.
// on_cpu: whether the ranks compute there; elsewhere compute cannot be slowed, and is refused.
SimOptions sim_options(const RunConfig& config, int rank, int ranks, bool on_cpu);

// carrier: host tensors, or device tensors that are staged (mpi, self): its Works are waited for by blocking
// the host.
std::unique_ptr<Communicator> make_sim_communicator(std::unique_ptr<Communicator> carrier,
                                                    const SimOptions& options);

}  // namespace lockstep
