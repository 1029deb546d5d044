// Chains: a training that was stopped and gone on from a checkpoint lies in several run files, each with the
// uuid of the one before. Joined they are one run; steps that were done twice, as the first run had gone on
// beyond its checkpoint, count once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "results/run_data.hpp"

namespace lockstep {

// Where two runs of a chain meet.
struct Joint {
  std::string before;         // path of the run that was stopped
  std::int64_t steps = 0;     // done by then, from the start of the training
  std::int64_t repeated = 0;  // steps that it had done beyond its checkpoint
  double gap = 0;  // seconds from its last step that counts to the start of the next run; NaN: not known
};

struct ChainRun {
  std::size_t file = 0;  // number of its file
  std::string path;
  RunData run;
  std::vector<Joint> joints;  // of a joined one
  std::string apart;  // why it is not joined with the run that it goes on from; empty: it is, or is none
};

// Whether a run can be part of a chain: it went on from another, or did not come to its end.
bool may_be_chained(const RunHeader& header);

// Joins what belongs together, into the last run of each chain. A run that came to its end stays one of its
// own; of several that go on from one, the one that came to its end, else the last, is joined with it. What is
// left comes back as it is. complete: paths of the runs that are no part of a chain, by uuid.
std::vector<ChainRun> join_chains(std::vector<ChainRun> runs,
                                  const std::map<std::string, std::string>& complete);

}  // namespace lockstep
