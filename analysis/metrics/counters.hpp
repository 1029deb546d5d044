// What the processor's counters say of a step that takes longer: more instructions, fewer of them in a cycle, a lower
// frequency, time in the kernel, waiting for a core. Pure.
#pragma once

#include <optional>
#include <span>

#include "results/run_data.hpp"

namespace lockstep {

// Of a mean step of a mean rank, over epochs and ranks, sums over its compute threads; `steps` is 1. Nothing where
// nothing was counted. NaN where some rank lacks a counter.
std::optional<ComputeCounts> mean_counts(std::span<const EpochRow> epochs);
std::optional<ComputeCounts> mean_counts(std::span<const ComputeCounts> launches);

double instructions_per_cycle(const ComputeCounts& counts);
double frequency(const ComputeCounts& counts);  // Hz, of the cores while they ran the threads' own code

// Seconds of a step that a compute thread takes longer than `scale` times the reference, by cause; they add up to the
// time by which it was runnable longer. NaN: not known.
struct CountedCauses {
  double instructions = kUnknown, per_cycle = kUnknown, frequency = kUnknown;
  double kernel = 0, waiting = 0;
};
// Of the time in user mode u, u' that of the reference times scale: u/u' is the product of the ratios of
// instructions, of cycles by instruction, and of seconds by cycle; each has the share of u - u' that its logarithm
// has of log(u/u').
CountedCauses counted_causes(const ComputeCounts& step, const ComputeCounts& reference, double scale);

}  // namespace lockstep
