// What is known about each group and claimed about it against its baselines: the numbers that every output
// shows.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "analysis/metrics/repetition.hpp"
#include "analysis/metrics/statistics.hpp"
#include "analysis/model/parallelism.hpp"
#include "analysis/runs/group.hpp"
#include "analysis/runs/quality.hpp"

namespace lockstep {

// A group against a baseline that did the same work on fewer ranks.
struct Comparison {
  const LaunchGroup* baseline = nullptr;  // null: there is none
  std::vector<Finding> findings;
  // Without a refusal; efficiency of weak scaling is T_1 / T_p, its speedup that times the ranks.
  std::optional<Estimate> speedup, slowdown, efficiency, karp_flatt;  // slowdown: 1 / speedup
  std::optional<double> amdahl_parallel_share;
  // Of both, whatever is refused; nothing where one of them has no metric.
  std::optional<Quality> quality;
  // Launches of each until the speedup's interval leaves out 1; nothing beyond kMostLaunches.
  std::optional<std::int64_t> launches_to_decide;
  const Finding* refused() const;  // why there is no speedup; null: there is one
};

struct Range {
  double median = 0, low = 0, high = 0;  // of the launches: smallest and largest; NaN: not measured
};

struct GroupSummary {
  const LaunchGroup* group = nullptr;
  bool measured() const { return !group->launches.empty(); }  // what follows has no meaning otherwise
  std::vector<Finding> findings;                              // of the group and its usable runs
  StepEstimates steps;  // the budget is of steps.point: its parts add up to its wall
  double samples_per_rank() const {
    return steps.point[Quantity::samples] / static_cast<double>(group->any().ranks);
  }
  double step_p50 = 0, step_p95 = 0, step_p99 = 0;  // seconds, steady steps of all launches
  Estimate step_seconds, throughput;                // mean steady step; samples per second
  Estimate steady_training_seconds;                 // mean steady step times steps
  Range training_seconds, wall_seconds, test_metric, validation_metric;
  std::int64_t steady_steps = 0, warmup_low = 0, warmup_high = 0;
  bool warmup_given = false;
  // compute / comm; nothing where there is no such communication, or the budget is refused
  std::optional<Estimate> ratio_total, ratio_transfer, ratio_exposed;
  std::optional<double> comm_share, exposed_share, overlap_share,
      wait_share;                                            // of wall, wall, comm, collectives
  std::optional<double> algorithm_bandwidth, bus_bandwidth;  // bytes per second
  std::int64_t last_rank = -1;  // the rank that most often arrives last, and in what share of the collectives
  double last_share = 0;
  std::int64_t unmatched_collectives = 0, rows_trained = 0;
  Parallelism parallel;                 // empty where the budget is refused
  std::optional<Estimate> mfu;          // model FLOP utilisation
  Range energy_per_sample;              // J
  Comparison against_seq, against_one;  // train_seq; one rank of the same mode
};

struct WorkloadSummary {
  const Workload* workload = nullptr;
  std::vector<GroupSummary> groups;  // as in the workload
};

WorkloadSummary summarise(const Workload& workload);

// The group with these launches; null when the workload has none.
const GroupSummary* summary_of(const WorkloadSummary& workload, const LaunchGroup* group);

}  // namespace lockstep
