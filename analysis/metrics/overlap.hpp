// Total, overlapped and exposed communication. Pure.
#pragma once

#include <optional>

#include "results/run_data.hpp"
#include "timing/intervals.hpp"

namespace lockstep {

struct CommLengths {
  double total = 0, overlapped = 0, exposed = 0;  // seconds; total = overlapped + exposed
};

// len(M), len(M and C), len(M minus C).
CommLengths comm_lengths(const IntervalSet& compute, const IntervalSet& comm);

// Length of the union of each rank's communication events clipped to each step, [ranks, steps]; nothing when
// the run has no events. Events of a step or rank that the run does not have are ignored.
std::optional<Matrix<double>> comm_from_events(const StepTable& steps, const CommTable& comm);

}  // namespace lockstep
