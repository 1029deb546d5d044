// The check functions of the table in rules.cpp. Each returns the detail of its sentence, or nothing.
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
Detail oversubscribed(const RunData& run, const Launch& launch);
Detail drifts(const RunData& run, const Launch& launch);
Detail starts_slowly(const RunData& run, const Launch& launch);
Detail unsteady(const RunData& run, const Launch& launch);
Detail stalled_steps(const RunData& run, const Launch& launch);
Detail gaps_between_steps(const RunData& run, const Launch& launch);
Detail clocks_apart(const RunData& run, const Launch& launch);
Detail device_idle(const RunData& run, const Launch& launch);
Detail unmatched(const RunData& run, const Launch& launch);
Detail idle_rank(const RunData& run, const Launch& launch);
Detail uneven_work(const RunData& run, const Launch& launch);
Detail not_a_number(const RunData& run, const Launch& launch);

Detail duplicate(const Launch& launch, std::span<const Launch> earlier);
Detail copied(const Launch& launch, std::span<const Launch> earlier);
Detail outlier_launch(const LaunchGroup& group);
Detail single(const LaunchGroup& group);
Detail no_training(const LaunchGroup& group);
Detail resumed(const LaunchGroup& group);
Detail joined(const LaunchGroup& group);
Detail simulated_link(const LaunchGroup& group);
Detail other_reductions(const LaunchGroup& group);

Detail other_digests(const LaunchGroup& group, const LaunchGroup& baseline);
Detail other_hardware(const LaunchGroup& group, const LaunchGroup& baseline);
Detail other_work(const LaunchGroup& group, const LaunchGroup& baseline);
Detail weak_as_strong(const LaunchGroup& group, const LaunchGroup& baseline);
Detail learned_less(const LaunchGroup& group, const LaunchGroup& baseline);
Detail at_chance(const LaunchGroup& group, const LaunchGroup& baseline);
Detail no_metric(const LaunchGroup& group, const LaunchGroup& baseline);
Detail other_versions(const LaunchGroup& group, const LaunchGroup& baseline);
Detail other_tf32(const LaunchGroup& group, const LaunchGroup& baseline);
Detail other_kernels(const LaunchGroup& group, const LaunchGroup& baseline);
Detail other_threads(const LaunchGroup& group, const LaunchGroup& baseline);
Detail other_clocks(const LaunchGroup& group, const LaunchGroup& baseline);
Detail other_program(const LaunchGroup& group, const LaunchGroup& baseline);
Detail no_common_seed(const LaunchGroup& group, const LaunchGroup& baseline);
Detail ablated(const LaunchGroup& group, const LaunchGroup& baseline);

Detail no_fingerprint(const LaunchGroup& group, const LaunchGroup& baseline);
Detail other_warmup(const LaunchGroup& group, const LaunchGroup& baseline);
Detail data_starved(const LaunchGroup& group, const LaunchGroup& baseline);
Detail fewer_cores(const LaunchGroup& group, const LaunchGroup& baseline);
Detail far_apart(const LaunchGroup& group, const LaunchGroup& baseline);
Detail other_loader(const LaunchGroup& group, const LaunchGroup& baseline);
Detail other_messages(const LaunchGroup& group, const LaunchGroup& baseline);
Detail other_checkpoints(const LaunchGroup& group, const LaunchGroup& baseline);
Detail other_loss(const LaunchGroup& group, const LaunchGroup& baseline);

Detail slower_than_one(const Estimate& speedup, std::int64_t ranks);
Detail faster_than_ranks(const Estimate& speedup, std::int64_t ranks);
Detail without_a_cause(const Estimate& speedup, std::int64_t ranks);
Detail seems_above_ranks(const Estimate& speedup, std::int64_t ranks);

Detail any_slower_than_one(std::span<const ScalingPoint> points);
Detail fitted_above_one(std::span<const ScalingPoint> points);
Detail few_rank_counts(std::span<const ScalingPoint> points);

}  // namespace lockstep::checks
