// The check functions that rules.cpp's table names. Each gives the detail of its sentence, or nothing.
#pragma once

#include "analysis/checks/rules.hpp"

namespace lockstep::checks {

Detail incomplete(const RunData& run, const Launch& launch);
Detail replicas_diverged(const RunData& run, const Launch& launch);
Detail invalid(const RunData& run, const Launch& launch);
Detail audit_violated(const RunData& run, const Launch& launch);
Detail audit_absent(const RunData& run, const Launch& launch);
Detail steps_out_of_order(const RunData& run, const Launch& launch);
Detail budget_open(const RunData& run, const Launch& launch);
Detail gpu_slowed(const RunData& run, const Launch& launch);
Detail recorder_costly(const RunData& run, const Launch& launch);
Detail ranks_unlike(const RunData& run, const Launch& launch);

Detail duplicate(const Launch& launch, std::span<const Launch> earlier);
Detail single(const LaunchGroup& group);
Detail no_training(const LaunchGroup& group);
Detail resumed(const LaunchGroup& group);
Detail simulated_link(const LaunchGroup& group);

Detail other_digests(const LaunchGroup& group, const LaunchGroup& baseline);
Detail other_hardware(const LaunchGroup& group, const LaunchGroup& baseline);
Detail other_work(const LaunchGroup& group, const LaunchGroup& baseline);
Detail weak_as_strong(const LaunchGroup& group, const LaunchGroup& baseline);
Detail learned_less(const LaunchGroup& group, const LaunchGroup& baseline);
Detail at_chance(const LaunchGroup& group, const LaunchGroup& baseline);
Detail no_metric(const LaunchGroup& group, const LaunchGroup& baseline);
Detail other_versions(const LaunchGroup& group, const LaunchGroup& baseline);
Detail other_tf32(const LaunchGroup& group, const LaunchGroup& baseline);
Detail other_threads(const LaunchGroup& group, const LaunchGroup& baseline);
Detail other_clocks(const LaunchGroup& group, const LaunchGroup& baseline);
Detail no_common_seed(const LaunchGroup& group, const LaunchGroup& baseline);
Detail ablated(const LaunchGroup& group, const LaunchGroup& baseline);

Detail slower_than_one(double speedup, std::int64_t ranks);
Detail faster_than_ranks(double speedup, std::int64_t ranks);

Detail any_slower_than_one(std::span<const ScalingPoint> points);
Detail fitted_above_one(std::span<const ScalingPoint> points);
Detail few_rank_counts(std::span<const ScalingPoint> points);

}  // namespace lockstep::checks
