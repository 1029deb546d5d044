// What a rank did when, in one step: from the lengths in /steps and the events in /comm. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "analysis/model/quantities.hpp"
#include "results/run_data.hpp"

namespace lockstep {

struct PhaseSpan {
  Quantity phase;
  double begin = 0, end = 0;  // seconds since the common start
};

// The phases of one rank and step, end to end from the step's begin in the order in which a step goes through
// them: /steps has their lengths, not their places. Those of length 0 are left out.
std::vector<PhaseSpan> phase_spans(const StepTable& steps, std::int64_t rank, std::int64_t step);

// Rows of /comm by step: events of step k are order[begin[k]] to order[begin[k + 1] - 1], in the file's
// order. Events of steps that /steps does not have are left out.
struct EventsByStep {
  std::vector<std::size_t> order, begin;
};
EventsByStep events_by_step(const CommTable& comm, std::int64_t steps);

// The collectives of one step: rows of /comm with one sequence number, and what the fastest rank needed.
struct Collective {
  std::int64_t sequence = 0;
  std::vector<std::size_t> rows;  // in order of their begin
  double transfer = 0;            // seconds
};
// In order of sequence number. Those that not all `ranks` recorded once have transfer 0.
std::vector<Collective> collectives_of(const CommTable& comm, const EventsByStep& events, std::int64_t step,
                                       std::int64_t ranks);

// The place of the median, or of the first of what is nearest to it. values: not empty.
std::int64_t place_of_median(std::span<const double> values);

}  // namespace lockstep
