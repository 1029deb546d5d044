// The summary: the answer, the verdict, and the tables that a reader needs first.
#pragma once

#include "analysis/model/analysis.hpp"
#include "analysis/tables/page_options.hpp"
#include "analysis/tables/table.hpp"

namespace lockstep {

Page summary_page(const Analysis& analysis, const PageOptions& options = {});

// The answer alone, for a terminal: one screen for ten configurations.
Page answer_page(const Analysis& analysis, const PageOptions& options = {});
inline constexpr std::size_t kRowsOfAnswer = 10;

// The few columns that a paper or a slide has room for, a row a group: ranks, launches, training time,
// throughput, speedup, efficiency, test metric.
Table short_table(const Analysis& analysis, const WorkloadSummary& workload);
// Those of all workloads, each under its name.
Page short_tables(const Analysis& analysis);

}  // namespace lockstep
