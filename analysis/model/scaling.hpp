// Series: groups of one configuration on several numbers of ranks against one baseline, and the laws of
// scaling that fit them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "analysis/model/compare.hpp"
#include "analysis/model/summary.hpp"

namespace lockstep {

struct ScalingSeries {
  std::string label;  // "ddp, strong"
  bool weak = false;
  const LaunchGroup* baseline = nullptr;
  std::vector<const GroupSummary*> groups;  // with a speedup, ascending in ranks
  std::vector<Finding> findings;            // of the series as a whole
  // Strong scaling; refused ones are empty.
  std::optional<Estimate> amdahl_parallel_share, usl_sigma, usl_kappa;
  // Only where the interval of kappa leaves out 0 and the peak lies within twice the ranks that were
  // measured.
  std::optional<Estimate> usl_best_ranks;
  std::optional<Estimate> gustafson_serial_share;  // weak scaling
};

// Groups belong to one series when mode, label of scaling, baseline and all settings are equal but the batch
// and the threads of a rank. Groups without a speedup are in none.
std::vector<ScalingSeries> scaling_series(const WorkloadSummary& workload, Baseline baseline);

}  // namespace lockstep
