// Checkpoints: parameters, buffers and the optimizer's state by parameter name, independent of ranks and
// buckets. The random course of a run follows from seed and step, so that nothing else is needed to go on
// with the same bits.
#pragma once

#include <cstdint>
#include <string>

#include "models/model.hpp"
#include "train/flat_optimizer.hpp"

namespace lockstep {

// Rank 0 only. Writes <folder>/epoch_<n>.pt in full before it takes its name, then removes all but the newest
// `keep`. Error(failed) when the disk does not take it.
void save_checkpoint(const std::string& folder, std::int64_t epochs_done, std::int64_t keep,
                     const Model& model, const FlatOptimizer& optimizer);

// The newest checkpoint of a run's folder. Error(bad_input) when there is none.
std::string find_checkpoint(const std::string& run_folder);

// Not collective: each rank reads it. Returns the epochs done. Error(bad_input) naming the file when it is
// damaged or of another model or optimizer.
std::int64_t load_checkpoint(const std::string& path, Model& model, FlatOptimizer& optimizer);

}  // namespace lockstep
