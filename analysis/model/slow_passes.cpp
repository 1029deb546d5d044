#include "analysis/model/slow_passes.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "analysis/checks/rules.hpp"
#include "analysis/metrics/counters.hpp"
#include "analysis/model/ablation.hpp"
#include "analysis/quantities/numbers.hpp"

namespace lockstep {

namespace {

using Q = Quantity;
using Cause = SlowPasses::Cause;

constexpr double kSameBatch = 0.05, kLowerClock = 0.02;
constexpr double kQuiet = 0.05;         // of a step: exposed communication that blurs no counter
constexpr double kWorthTelling = 0.02;  // of the time that passes take longer

double passes_of(const GroupSummary& group) { return group.steps.point.passes(); }
double compute_of(const GroupSummary& group) { return group.steps.point.compute(); }

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

// What remains of the time after `told` causes.
Cause::Kind cause_of_sharing(const Launch& launch, const Launch& baseline, const std::vector<Cause>& told) {
  const auto has = [&](Cause::Kind kind) {
    return std::any_of(told.begin(), told.end(), [kind](const Cause& cause) { return cause.kind == kind; });
  };
  if (has(Cause::Kind::per_cycle)) return Cause::Kind::unexplained;
  if (launch.has("oversubscribed") && !has(Cause::Kind::waiting)) return Cause::Kind::more_threads;
  if (has_lower_clock(launch, baseline)) return Cause::Kind::slower_clock;
  return Cause::Kind::shared_memory;
}

// Two groups whose counters tell of the same work, and how much more the first had to do than the second.
struct Counted {
  const GroupSummary& here;
  const GroupSummary& reference;
  double scale;
};

// The causes that the counters show of passes that take `seconds` longer, apart from their communication.
// Counters do not tell a pass from the optimizer: of all that compute takes longer, the passes' share.
std::vector<Cause> counted(const Counted& c, double seconds) {
  const auto step = counts_of(c.here), before = counts_of(c.reference);
  if (!step || !before || step->threads != before->threads || !(seconds > 0)) return {};
  const double all = compute_of(c.here) - c.scale * compute_of(c.reference);
  const double share = all > seconds ? seconds / all : 1;
  const CountedCauses causes = counted_causes(*step, *before, c.scale);
  std::vector<Cause> told;
  for (const auto& [kind, longer] :
       {std::pair(Cause::Kind::instructions, causes.instructions),
        std::pair(Cause::Kind::per_cycle, causes.per_cycle),
        std::pair(Cause::Kind::frequency, causes.frequency), std::pair(Cause::Kind::kernel, causes.kernel),
        std::pair(Cause::Kind::waiting, causes.waiting)})
    if (std::isfinite(longer)) told.push_back({kind, share * longer});
  return told;
}

// What the optimizer of a group would take by the baseline's, which each rank runs in full or in part.
double expected_optimizer(const GroupSummary& baseline, const Launch& launch) {
  const double whole = baseline.steps.point[Q::optimizer];
  return launch.shards_optimizer() ? whole / static_cast<double>(launch.ranks) : whole;
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
    case Cause::Kind::instructions:
      return "more instructions";
    case Cause::Kind::per_cycle:
      return "fewer instructions per cycle, as when cores wait for memory and caches";
    case Cause::Kind::frequency:
      return "a lower frequency of the cores";
    case Cause::Kind::kernel:
      return "time in the kernel";
    case Cause::Kind::waiting:
      return "waiting for a core";
    case Cause::Kind::unexplained:
      return "what the counters do not show";
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
  const GroupSummary* const same = alone(workload, group);
  const GroupSummary* quiet = without_communication(workload, group);
  if (same)
    take(Cause::Kind::smaller_batch, passes_of(*same) - share * passes_of(baseline));
  else
    result.ask.push_back(
        {Cause::Kind::smaller_batch,
         fmt::format("train_seq with --set training.global_batch={:.0f}", group.samples_per_rank())});
  if (quiet)
    take(Cause::Kind::communication, passes_of(group) - passes_of(*quiet));
  else if (launch.mode() == Mode::data_parallel)
    result.ask.push_back({Cause::Kind::communication, "the same run with --set parallel.ablation=no_comm"});
  if (!quiet && group.exposed_share.value_or(0) < kQuiet) quiet = &group;
  const GroupSummary& reference = same ? *same : baseline;
  const double scale =
      same ? 1 : (share * passes_of(baseline) + expected_optimizer(baseline, launch)) / compute_of(baseline);
  const std::vector<Cause> seen = quiet ? counted({*quiet, reference, scale}, left) : std::vector<Cause>();
  for (const Cause& cause : seen)
    if (std::abs(cause.seconds) > kWorthTelling * result.seconds) take(cause.kind, cause.seconds);
  take(cause_of_sharing(launch, base, seen), left);
  return result;
}

std::optional<ComputeCounts> counts_of(const GroupSummary& group) {
  std::vector<ComputeCounts> counts;
  for (const Launch* launch : group.group->launches) {
    if (!launch->counts) return {};
    counts.push_back(*launch->counts);
  }
  return mean_counts(counts);
}

std::string words_for(const SlowPasses& passes) {
  std::vector<const Cause*> order;
  for (const Cause& cause : passes.causes) order.push_back(&cause);
  std::stable_sort(order.begin(), order.end(),
                   [](const Cause* a, const Cause* b) { return a->seconds > b->seconds; });
  std::string causes, ask;
  for (const Cause* cause : order)
    causes += fmt::format("{}{} ms{} by {}", causes.empty() ? "" : ", ",
                          milliseconds(std::abs(cause->seconds)), cause->seconds < 0 ? " less" : "",
                          cause == &passes.causes.back() ? names_of_rest(passes) : name_of(cause->kind));
  for (const auto& untold : passes.ask) ask += (ask.empty() ? "" : "; ") + untold.run;
  return fmt::format("Passes take {} ms longer: {}.{}", milliseconds(passes.seconds), causes,
                     ask.empty() ? "" : fmt::format(" To tell these apart, run: {}.", ask));
}

}  // namespace lockstep
