// One page a verb: what it shows, as tables and sentences. docs/metrics.md defines the numbers.
#pragma once

#include "analysis/model/analysis.hpp"
#include "analysis/tables/page_options.hpp"
#include "analysis/tables/table.hpp"

namespace lockstep {

// Times and speedups over the number of ranks, and the laws that fit them.
Page scaling_page(const Analysis& analysis, const PageOptions& options);
// The parts of a step, and of what it takes beyond the ideal.
Page budget_page(const Analysis& analysis, const PageOptions& options);
// Total, hidden and exposed communication, waiting and transfer, bucket by bucket.
Page overlap_page(const Analysis& analysis, const PageOptions& options);
// Parallel efficiency as a product of factors.
Page pop_page(const Analysis& analysis, const PageOptions& options);
// Time and samples to an accuracy, censored runs counted as such.
Page convergence_page(const Analysis& analysis, const PageOptions& options);
// The measured bubble beside that of an ideal pipeline.
Page pipeline_page(const Analysis& analysis, const PageOptions& options);
// What commbench has measured: times and bandwidths by message size, and the links behind them.
Page bandwidth_page(const Analysis& analysis, const PageOptions& options);
// Every check on every run.
Page validate_page(const Analysis& analysis, const PageOptions& options);
// Step time on other numbers of ranks, over the measured link or options.link.
Page predict_page(const Analysis& analysis, const PageOptions& options);
// What would help, the most first.
Page advise_page(const Analysis& analysis, const PageOptions& options);

// What changed between the runs below two paths; regression is set where the second is slower than the first
// by more than options.threshold, and significantly so.
struct Difference {
  Page page;
  bool regression = false;
};
Difference difference(const Analysis& before, const Analysis& after, const PageOptions& options);

}  // namespace lockstep
