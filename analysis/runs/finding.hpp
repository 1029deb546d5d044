// What a rule says, what it found, and what may not be claimed because of it. The rules: checks/rules.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "analysis/quantities/estimate.hpp"

namespace lockstep {

struct Launch;
struct LaunchGroup;
struct RunData;
struct ScalingPoint;

// What may not be claimed where a rule applies. nothing: a warning, printed beside the numbers.
enum class Claim { nothing, whole_run, speedup, budget, amdahl, usl, waiting };

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
  Detail (*on_speedup)(const Estimate& speedup, std::int64_t ranks) = nullptr;
  Detail (*on_series)(std::span<const ScalingPoint>) = nullptr;  // speedups of several rank counts
};

struct Finding {
  const Rule* rule = nullptr;
  std::string sentence;
};

// Its sentence without the details, which follow the colon.
inline std::string in_short(const Finding& finding) {
  return finding.sentence.substr(0, finding.sentence.find(':'));
}

inline bool is_refusal(const Finding& finding) { return finding.rule->refuses != Claim::nothing; }
// The first finding that refuses the claim, or null.
const Finding* refusal_of(std::span<const Finding> findings, Claim claim);

}  // namespace lockstep
