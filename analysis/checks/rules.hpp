// The refusals and warnings: one table, a row each. docs/metrics.md lists the same codes, and a test
// compares.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "analysis/checks/finding.hpp"
#include "analysis/metrics/scaling_laws.hpp"
#include "analysis/model/group.hpp"
#include "results/run_data.hpp"

namespace lockstep {

// What may not be claimed where a rule applies. nothing: a warning, printed beside the numbers.
enum class Claim { nothing, whole_run, speedup, budget, amdahl, usl };

// Checks give the words that fill the sentence's {}, or nothing when all is well.
using Detail = std::optional<std::string>;

struct Rule {
  const char* code;
  Claim refuses;
  const char* sentence;      // with one {} for the detail
  bool invalidates = false;  // the run is not valid: exit code 3 without --strict too
  Detail (*on_run)(const RunData&, const Launch&) = nullptr;
  Detail (*on_launch_among)(const Launch&, std::span<const Launch> earlier) = nullptr;
  Detail (*on_group)(const LaunchGroup&) = nullptr;                              // has launches
  Detail (*on_pair)(const LaunchGroup&, const LaunchGroup& baseline) = nullptr;  // both have launches
  Detail (*on_speedup)(double speedup, std::int64_t ranks) = nullptr;
  Detail (*on_series)(std::span<const ScalingPoint>) = nullptr;  // speedups of several rank counts
};

std::span<const Rule> rules();
inline bool is_refusal(const Finding& finding) { return finding.rule->refuses != Claim::nothing; }
// The first finding that refuses the claim, or null.
const Finding* refusal_of(std::span<const Finding> findings, Claim claim);

std::vector<Finding> check_run(const RunData& run, const Launch& launch);
std::vector<Finding> check_among(const Launch& launch, std::span<const Launch> earlier);
std::vector<Finding> check_group(const LaunchGroup& group);
std::vector<Finding> check_pair(const LaunchGroup& group, const LaunchGroup& baseline);
std::vector<Finding> check_speedup(double speedup, std::int64_t ranks);
std::vector<Finding> check_series(std::span<const ScalingPoint> points);

}  // namespace lockstep
