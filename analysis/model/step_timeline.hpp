// When a rank did what in one step: from the lengths in /steps and the events in /comm. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "analysis/metrics/collectives.hpp"
#include "analysis/quantities/quantities.hpp"
#include "results/run_data.hpp"

namespace lockstep {

struct QuantitySpan {
  Quantity phase;
  double begin = 0, end = 0;  // seconds since the common start
};

// The phases of one rank and step, end to end from the step's begin in the order in which a step goes through
// them: /steps has their lengths, not their places. Those of length 0 are left out.
std::vector<QuantitySpan> phase_spans(const StepTable& steps, std::int64_t rank, std::int64_t step);

// Rows of a table by the step that each belongs to, in the table's order. Rows of a step that the run does
// not have are left out.
class RowsByStep {
 public:
  RowsByStep(std::span<const std::int32_t> step_of_row, std::int64_t steps);
  std::span<const std::size_t> of(std::int64_t step) const {
    const auto at = static_cast<std::size_t>(step);
    return std::span<const std::size_t>(rows_).subspan(begins_[at], begins_[at + 1] - begins_[at]);
  }

 private:
  std::vector<std::size_t> rows_, begins_;
};

// One collective: rows of /comm, in order of their begin, and what the fastest rank needed.
struct Collective {
  std::int64_t sequence = 0;
  std::vector<std::size_t> rows;
  double transfer = 0;  // seconds; 0: not every rank recorded it once
};

// The collectives of each step, in order of sequence number.
class StepCollectives {
 public:
  // comm must outlive it.
  StepCollectives(const CommTable& comm, std::int64_t ranks, std::int64_t steps);
  std::vector<Collective> of(std::int64_t step) const;

 private:
  const CommTable& comm_;
  Collectives matched_;
  RowsByStep by_step_;  // of collectives, by the step of their first event
};

// The place of the median, or of the first of what is nearest to it. values: not empty.
std::int64_t place_of_median(std::span<const double> values);

}  // namespace lockstep
