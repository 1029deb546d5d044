// Checkpoints: parameters, buffers and the optimizer's state by parameter name, independent of ranks and
// buckets, and of how the model is split. The random course of a run follows from seed and step, so that
// nothing else is needed to go on with the same bits.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "models/model.hpp"
#include "train/flat_optimizer.hpp"

namespace lockstep {

// A parameter's name here -> its name in a checkpoint, where that is another's: the copies of tied weights,
// of which a checkpoint keeps the original alone.
using Aliases = std::map<std::string, std::string>;

// This rank's share of a checkpoint, as bytes. Not collective.
std::string checkpoint_part(const Model& model, const FlatOptimizer& optimizer, const Aliases& aliases);

// Rank 0 only. Writes <folder>/epoch_<n>.pt, in full before it takes its name, then removes all but the
// newest `keep`. parts: of ranks that hold the whole model between them; empty ones are left out.
// Error(failed) when the disk does not take it.
void save_checkpoint(const std::string& folder, std::int64_t epochs_done, std::int64_t keep,
                     const std::vector<std::string>& parts);

// The newest checkpoint of a run's folder. Error(bad_input) when there is none.
std::string find_checkpoint(const std::string& run_folder);

// Not collective: each rank reads what it holds of the model. Returns the epochs done. Error(bad_input)
// naming the file when it is damaged or of another model or optimizer.
std::int64_t load_checkpoint(const std::string& path, Model& model, FlatOptimizer& optimizer,
                             const Aliases& aliases);

}  // namespace lockstep
