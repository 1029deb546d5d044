// SyncBatchNorm: batch normalisation over the batch of all ranks, forward and backward.
#pragma once

#include "comm/communicator.hpp"
#include "models/model.hpp"
#include "parallel/work_log.hpp"

namespace lockstep {

// Makes every BatchNorm2d of the model normalise with the statistics of all ranks while training. Not
// collective; the communicator and the log (optional) outlive the model's use. Returns how many layers were
// converted. Source of the backward formula: Ioffe and Szegedy 2015, section 3, with sums over all ranks.
int synchronise_batch_norm(Model& model, Communicator& communicator, WorkLog* log = nullptr);

}  // namespace lockstep
