// Brings every rank's record of an epoch to rank 0, between epochs, outside the timed steps.
#pragma once

#include <string>
#include <tuple>
#include <vector>

#include "launch/world.hpp"
#include "record/gpu_monitor.hpp"
#include "record/step_columns.hpp"
#include "results/run_data.hpp"

namespace lockstep {

// One rank's epoch.
struct RankEpoch {
  std::vector<StepRow> rows;  // one a step; `epoch` is filled in by the exchange
  std::vector<CommInterval> comm;
  std::vector<StagePass> stages;  // empty where the model is not split
  static auto fields(auto& epoch) {
    auto& [rows, comm, stages] = epoch;
    return std::tie(rows, comm, stages);
  }
};

// What a rank's processors did during an epoch's steps.
struct EpochConditions {
  GpuOfRank gpu;
  std::vector<ComputeCounts> counters;  // one, or none: nobody counted
  static auto fields(auto& conditions) {
    auto& [gpu, counters] = conditions;
    return std::tie(gpu, counters);
  }
};

// Collective: all ranks. Puts what all ranks' processors did into the row; on rank 0 alone.
void gather_conditions(World& world, const EpochConditions& mine, EpochRow& row);

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
