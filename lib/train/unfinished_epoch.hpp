// UnfinishedEpoch: what the steps of an epoch have come to so far, so that a run that goes on from a
// checkpoint within it says of the whole epoch what a run says that was never stopped.
#pragma once

#include <cstdint>

#include "data/work_audit.hpp"
#include "results/run_data.hpp"
#include "train/checkpoint.hpp"

namespace lockstep {

struct UnfinishedEpoch {
  // Over all steps, and within a step over all ranks, in this order, whatever checkpoints lie between.
  double loss = 0, loss_terms = 0;
  WorkReport work;  // of all ranks

  void add_losses(const StepTable& steps);
  double mean_loss() const { return loss / loss_terms; }
};

// rows: of the training data.
UnfinishedEpoch nothing_done(std::int64_t rows);

void add_unfinished(CheckpointTensors& tensors, const UnfinishedEpoch& epoch);
// Of a checkpoint at the end of an epoch: nothing done. Error(bad_input) where it
// is of another number of rows.
UnfinishedEpoch unfinished_epoch(const Checkpoint& checkpoint, std::int64_t rows);

}  // namespace lockstep
