#include "analysis/model/slow_passes.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "analysis/checks/rules.hpp"
#include "analysis/model/ablation.hpp"
#include "analysis/quantities/numbers.hpp"

namespace lockstep {

namespace {

using Q = Quantity;
using Cause = SlowPasses::Cause;

constexpr double kSameBatch = 0.05, kLowerClock = 0.02;

double passes_of(const GroupSummary& group) { return group.steps.point.passes(); }

// One rank with as many samples as each of the group's has: the same passes, alone on the machine.
const GroupSummary* alone(const WorkloadSummary& workload, const GroupSummary& group) {
  const double wanted = group.samples_per_rank();
  for (const GroupSummary& other : workload.groups) {
    if (!other.measured() || other.group->any().ranks != 1 || !other.group->any().ablation().empty())
      continue;
    if (refusal_of(other.findings, Claim::budget)) continue;
    if (std::abs(other.samples_per_rank() / wanted - 1) < kSameBatch) return &other;
  }
  return nullptr;
}

const GroupSummary* without_communication(const WorkloadSummary& workload, const GroupSummary& group) {
  for (const AblationComparison& c : ablations_of(workload))
    if (c.whole == &group && c.no_comm) return c.no_comm;
  return nullptr;
}

bool has_lower_clock(const Launch& launch, const Launch& baseline) {
  return launch.gpu.sm_clock < (1 - kLowerClock) * baseline.gpu.sm_clock;  // false where one is not known
}

Cause::Kind cause_of_sharing(const Launch& launch, const Launch& baseline) {
  if (launch.has("oversubscribed")) return Cause::Kind::more_threads;
  if (has_lower_clock(launch, baseline)) return Cause::Kind::slower_clock;
  return Cause::Kind::shared_memory;
}

const char* name_of(Cause::Kind kind) {
  switch (kind) {
    case Cause::Kind::smaller_batch:
      return "a rank's smaller batch";
    case Cause::Kind::communication:
      return "communication during the passes";
    case Cause::Kind::more_threads:
      return "more threads than cores";
    case Cause::Kind::slower_clock:
      return "a lower clock of the GPUs";
    case Cause::Kind::shared_memory:
      break;
  }
  return "memory bandwidth and clock, which the ranks of a node share";
}

// Of the last cause, what these runs cannot tell from it as well: "a, b or c".
std::string names_of_rest(const SlowPasses& passes) {
  std::string names = name_of(passes.causes.back().kind);
  for (const auto& untold : passes.ask)
    names += fmt::format("{}{}", &untold == &passes.ask.back() ? " or " : ", ", name_of(untold.kind));
  return names;
}

}  // namespace

std::optional<SlowPasses> slow_passes(const WorkloadSummary& workload, const GroupSummary& group,
                                      const GroupSummary& baseline) {
  for (const GroupSummary* side : {&group, &baseline})
    if (!side->measured() || refusal_of(side->findings, Claim::budget)) return {};
  const Launch &launch = group.group->any(), &base = baseline.group->any();
  if (!launch.shares_batches()) return {};  // a stage has other passes, in micro-batches
  const double share = group.samples_per_rank() / baseline.samples_per_rank();
  SlowPasses result;
  result.seconds = passes_of(group) - share * passes_of(baseline);
  if (!(result.seconds > 0) || launch.ranks < 2) return {};
  double left = result.seconds;
  const auto take = [&](Cause::Kind kind, double seconds) {
    result.causes.push_back({kind, seconds});
    left -= seconds;
  };
  if (const GroupSummary* same = alone(workload, group))
    take(Cause::Kind::smaller_batch, passes_of(*same) - share * passes_of(baseline));
  else
    result.ask.push_back(
        {Cause::Kind::smaller_batch,
         fmt::format("train_seq with --set training.global_batch={:.0f}", group.samples_per_rank())});
  if (const GroupSummary* quiet = without_communication(workload, group))
    take(Cause::Kind::communication, passes_of(group) - passes_of(*quiet));
  else if (launch.mode() == Mode::data_parallel)
    result.ask.push_back({Cause::Kind::communication, "the same run with --set parallel.ablation=no_comm"});
  take(cause_of_sharing(launch, base), left);
  return result;
}

std::string words_for(const SlowPasses& passes) {
  std::string causes, ask;
  for (const Cause& cause : passes.causes)
    causes += fmt::format("{}{} ms{} by {}", causes.empty() ? "" : ", ",
                          milliseconds(std::abs(cause.seconds)), cause.seconds < 0 ? " less" : "",
                          &cause == &passes.causes.back() ? names_of_rest(passes) : name_of(cause.kind));
  for (const auto& untold : passes.ask) ask += (ask.empty() ? "" : "; ") + untold.run;
  return fmt::format("Passes take {} ms longer: {}.{}", milliseconds(passes.seconds), causes,
                     ask.empty() ? "" : fmt::format(" To tell these apart, run: {}.", ask));
}

}  // namespace lockstep
