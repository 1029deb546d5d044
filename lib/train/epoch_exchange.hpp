// Brings every rank's record of an epoch to rank 0, between epochs, outside the timed steps.
#pragma once

#include <string>
#include <tuple>
#include <vector>

#include "launch/world.hpp"
#include "results/run_data.hpp"
#include "train/step_columns.hpp"

namespace lockstep {

// One rank's epoch. Columns of equal length, one entry a step.
struct RankEpoch {
  std::vector<StepRow> rows;
  std::vector<std::int32_t> samples, loss_terms, tokens, padded_tokens;
  std::vector<float> loss, grad_norm;  // mean over this rank's samples; norm of the reduced gradient
  std::vector<CommInterval> comm;
  std::vector<StagePass> stages;  // empty where the model is not split
  static auto fields(auto& epoch) {
    auto& [rows, samples, terms, tokens, padded, loss, norm, comm, stages] = epoch;
    return std::tie(rows, samples, terms, tokens, padded, loss, norm, comm, stages);
  }
};

struct EpochTables {
  StepTable steps;
  CommTable comm;
  StageTable stages;
};

// Collective: all ranks. A message is under way from when both its ends had begun: puts off the start of
// each send and recv to the later of the two. Error when a message has one end only.
void align_messages(World& world, std::vector<CommInterval>& comm);

// Collective: all ranks, with the same number of steps. The tables are filled on rank 0 only.
EpochTables exchange_epoch(World& world, const RankEpoch& mine, std::int32_t epoch);

}  // namespace lockstep
