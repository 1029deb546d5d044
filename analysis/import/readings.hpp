// What the numbers of another project's run mean: read from names, from how times grow, and from neighbouring
// values. Internal to analysis/import.
#pragma once

#include <vector>

#include "analysis/import/artefact.hpp"

namespace lockstep {

// Fills in mode and ranks from the run's name and its folder's; accuracies above 1.5 are percentages and
// become shares; times since the start become those of epochs, a total is divided by its epochs. Ambiguous
// times become `unclear`; decisions are noted in `assumed`.
void settle(ImportedRun& run);

// Records of one epoch, as of training and of evaluation, become one row, unless two of them say the same.
void add_record(ImportedRun& run, const ImportedEpoch& record);

// Files of the ranks of one run become one run: an epoch takes as long as its slowest rank, all else is that
// of the first. All runs are settled.
std::vector<ImportedRun> merge_ranks(std::vector<ImportedRun> runs);

// A single time without a number of epochs is of an epoch or of all of them: unclear beside runs of several.
void doubt_single_times(std::vector<ImportedRun>& runs);

// The name of a file's only run, where the file gives it none, and the set of runs that it is compared with:
// the file's name and folder, or those one level up where the file's name says nothing ("results.csv").
void place_in_folder(ImportedRun& run);

}  // namespace lockstep
