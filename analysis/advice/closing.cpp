#include "analysis/advice/closing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "analysis/advice/verdict.hpp"
#include "analysis/quantities/numbers.hpp"

namespace lockstep {

namespace {

using Q = Quantity;
using Groups = std::vector<const GroupSummary*>;

struct Compared {
  Groups faster, undecided;
  bool any = false;
};

Compared compared(const WorkloadSummary& workload, const Analysis& analysis) {
  Compared result;
  for (const GroupSummary& group : workload.groups) {
    const auto& speedup = analysis.comparison(group).speedup;
    if (!speedup || group.group->any().ranks < 2) continue;
    result.any = true;
    const Outcome outcome = outcome_of(*speedup);
    if (outcome == Outcome::faster) result.faster.push_back(&group);
    if (outcome == Outcome::undecided) result.undecided.push_back(&group);
  }
  return result;
}

double speedup_of(const GroupSummary* group, const Analysis& analysis) {
  return analysis.comparison(*group).speedup->value;
}

const GroupSummary* fastest(const Groups& groups, const Analysis& analysis) {
  return *std::max_element(groups.begin(), groups.end(), [&](const auto* a, const auto* b) {
    return speedup_of(a, analysis) < speedup_of(b, analysis);
  });
}

// Whether the two differ in samples per second by nothing that is certain.
bool tied(const GroupSummary& a, const GroupSummary& b) {
  const Estimate ratio = estimate(a.steps, b.steps, [](const Quantities& here, const Quantities& there) {
    return here[Q::samples] / here[Q::wall] / (there[Q::samples] / there[Q::wall]);
  });
  return ratio.interval && ratio.interval->low <= 1 && ratio.interval->high >= 1;
}

std::string names_of(const Groups& groups, const Analysis& analysis) {
  std::string names;
  for (const GroupSummary* group : groups)
    names += fmt::format("{}{} ({} times)", names.empty() ? "" : ", ", group->group->label,
                         number(speedup_of(group, analysis)));
  return names;
}

std::string it_pays(const Compared& c, const Analysis& analysis) {
  const GroupSummary* best = fastest(c.faster, analysis);
  Groups first;
  for (const GroupSummary* group : c.faster)
    if (group == best || tied(*group, *best)) first.push_back(group);
  Groups unknown;
  for (const GroupSummary* group : c.undecided)
    if (speedup_of(group, analysis) > speedup_of(best, analysis)) unknown.push_back(group);
  const std::string rest = unknown.empty() ? ""
                                           : fmt::format("; not counted, as nothing is certain of it: {}",
                                                         names_of(unknown, analysis));
  if (first.size() == 1)
    return fmt::format("Parallel training pays here: {} is the fastest, {} times{}.", best->group->label,
                       number(speedup_of(best, analysis)), rest);
  return fmt::format(
      "Parallel training pays here: the fastest {} are equally fast by what was measured: {}{}.",
      first.size(), names_of(first, analysis), rest);
}

std::string not_yet(const Compared& c, const WorkloadSummary& workload, const Analysis& analysis) {
  const GroupSummary* best = fastest(c.undecided, analysis);
  const Comparison& comparison = analysis.comparison(*best);
  return fmt::format("Whether parallel training pays cannot be said yet: of {} against {}, {}.",
                     best->group->label, comparison.baseline->label,
                     what_would_decide(*best, comparison, *summary_of(workload, comparison.baseline)));
}

}  // namespace

std::string closing_sentence(const WorkloadSummary& workload, const Analysis& analysis) {
  const Compared c = compared(workload, analysis);
  if (!c.faster.empty()) return it_pays(c, analysis);
  if (!c.undecided.empty()) return not_yet(c, workload, analysis);
  if (c.any) return "Parallel training does not pay here: every number of ranks that was tried is slower.";
  bool parallel = false, measured = false;
  for (const GroupSummary& group : workload.groups) {
    if (group.group->any().ranks < 2) continue;
    parallel = true;
    measured = measured || group.measured();
  }
  if (measured)
    return "Whether parallel training pays cannot be said: there is no run that it may be compared with.";
  if (parallel)
    return "Whether parallel training pays cannot be said: no run on more than one rank can be used.";
  return fmt::format("Nothing {}ran on more than one rank, so there is no speedup to speak of.",
                     analysis.runs.unreadable.empty() ? "" : "that could be read ");
}

}  // namespace lockstep
