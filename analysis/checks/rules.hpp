// The refusals and warnings: one table with a row each. docs/metrics.md lists the same codes; a test compares
// them.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "analysis/metrics/scaling_laws.hpp"
#include "analysis/runs/finding.hpp"
#include "analysis/runs/group.hpp"
#include "results/run_data.hpp"

namespace lockstep {

std::span<const Rule> rules();

// The launch, with the findings of all rules for single runs.
Launch checked_launch(const RunData& run, const std::string& path);
std::vector<Finding> check_run(const RunData& run, const Launch& launch);
std::vector<Finding> check_among(const Launch& launch, std::span<const Launch> earlier);
std::vector<Finding> check_group(const LaunchGroup& group);
std::vector<Finding> check_pair(const LaunchGroup& group, const LaunchGroup& baseline);
std::vector<Finding> check_speedup(const Estimate& speedup, std::int64_t ranks);
std::vector<Finding> check_series(std::span<const ScalingPoint> points);

}  // namespace lockstep
