// Parallel efficiency, link and hardware utilisation of a group of more than one rank.
#pragma once

#include <optional>
#include <vector>

#include "analysis/metrics/bucket_times.hpp"
#include "analysis/metrics/repetition.hpp"
#include "analysis/model/late_rank.hpp"
#include "analysis/runs/group.hpp"

namespace lockstep {

// POP factors with intervals. serialisation and transfer need events.
struct PopSummary {
  Estimate parallel, load_balance, communication;
  std::optional<Estimate> serialisation, transfer;
  double mean_work = 0, most_work = 0, step = 0;  // seconds
  std::optional<double> ideal_step;               // seconds, with transfers that take no time
};

// The link behind the group's own all-reduces; the median over launches.
struct LinkSummary {
  Estimate latency;    // seconds
  Estimate bandwidth;  // bytes per second
  std::int64_t sizes = 0;
};

struct Parallelism {
  std::optional<PopSummary> pop;
  std::optional<LinkSummary> link;
  std::optional<LateRank> late;
  std::vector<BucketTimes> buckets;  // mean over launches
};

// Of a group with launches; all empty for one rank.
Parallelism parallelism_of(const LaunchGroup& group, const StepEstimates& steps);

// Model FLOP utilisation; nothing where the model's FLOPs or the device's peak are not known.
std::optional<Estimate> utilisation_of(const LaunchGroup& group, const StepEstimates& steps);

// The link that is best known: of a group's launches alone.
std::optional<LinkSummary> link_of(const LaunchGroup& group);

}  // namespace lockstep
