// Ablation: a group compared with the same work without communication, and with the communication alone
// (parallel.ablation), and whether that agrees with the group's own events on exposed communication.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "analysis/model/summary.hpp"

namespace lockstep {

// Seconds of a mean step, mean over ranks.
struct AblationComparison {
  const GroupSummary* whole = nullptr;
  const GroupSummary *no_comm = nullptr, *comm_only = nullptr;  // one of them may be null
  // With no_comm: exposed communication by the ablation is the step without it taken from the whole one.
  std::optional<Estimate> exposed_by_ablation,
      compute_slowdown;  // compute beside / without communication - 1
  // With comm_only.
  std::optional<Estimate> comm_alone, comm_slowdown;  // communication beside compute / alone - 1

  // With no_comm. Where the two exposed times differ by more than kAgreement of the larger: the phase that
  // differs most between the two groups tells why, and so which to trust.
  enum class Trust { both, events, ablation };
  Trust trust = Trust::both;
  double difference = 0;            // by ablation minus by events
  LossPart phase = LossPart::data;  // where the groups differ most; not one of communication
  double longer = 0;                // that phase: with communication minus without
};
inline constexpr double kAgreement = 0.05;

// One for every group with a closed budget that has one of the two. Everything but parallel.ablation and what
// group_launches ignores must be equal.
std::vector<AblationComparison> ablations_of(const WorkloadSummary& workload);

// "agree within 5 %", or which to trust and why. With no_comm.
std::string trust_sentence(const AblationComparison& comparison);

}  // namespace lockstep
