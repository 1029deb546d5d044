// Pictures of runs that are in memory: what read_picture_inputs gives for run files.
#pragma once

#include <string>
#include <vector>

#include "analysis/plot/pictures.hpp"
#include "analysis/support/synthetic_run.hpp"

namespace lockstep::test {

// One of each file's mode, one after the other; the analysis must outlive the inputs.
std::vector<PictureInput> inputs_of(const Analysis& analysis, const std::vector<RunData>& runs);

// In every step and on every rank, forward and then backward passes of so many micro-batches, 1 ms each.
void add_passes(RunData& run, int micro_batches);

// Every text of the runs that a user chooses, made as bad as it can be.
std::string hostile_text();
std::vector<RunData> hostile_runs();

}  // namespace lockstep::test
