// The few columns that a paper or a slide has room for.
#pragma once

#include "analysis/model/analysis.hpp"
#include "analysis/tables/document.hpp"

namespace lockstep {

// A row a group: ranks, launches, training time, throughput, speedup, efficiency, test metric.
TextTable summary_table(const Analysis& analysis, const WorkloadSummary& workload);

// The tables of all workloads, each under its name.
Document summary_tables(const Analysis& analysis);

}  // namespace lockstep
