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

double speedup_of(const GroupSummary* group, const Analysis& analysis) {
  return analysis.comparison(*group).speedup->value;
}

const GroupSummary* fastest(const Groups& groups, const Analysis& analysis) {
  return *std::max_element(groups.begin(), groups.end(), [&](const auto* a, const auto* b) {
    return speedup_of(a, analysis) < speedup_of(b, analysis);
  });
}

// Whether the two have one baseline, and differ in samples per second by nothing that is certain.
bool tied(const GroupSummary& a, const GroupSummary& b, const Analysis& analysis) {
  if (analysis.comparison(a).baseline != analysis.comparison(b).baseline) return false;
  const Estimate ratio = estimate(a.steps, b.steps, [](const Quantities& here, const Quantities& there) {
    return here[Q::samples] / here[Q::wall] / (there[Q::samples] / there[Q::wall]);
  });
  return ratio.interval && ratio.interval->low <= 1 && ratio.interval->high >= 1;
}

// Of runs with another baseline the speedup says nothing of which is faster.
bool one_baseline(const WorkloadSummary& workload, const Analysis& analysis) {
  const LaunchGroup* known = nullptr;
  for (const GroupSummary& group : workload.groups) {
    const Comparison& comparison = analysis.comparison(group);
    if (group.group->any().ranks < 2 || !comparison.speedup) continue;
    if (known && known != comparison.baseline) return false;
    known = comparison.baseline;
  }
  return true;
}

std::string names_of(const Groups& groups, const Analysis& analysis) {
  std::string names;
  for (const GroupSummary* group : groups)
    names += fmt::format("{}{} ({} times)", names.empty() ? "" : ", ", group->group->label,
                         number(speedup_of(group, analysis)));
  return names;
}

std::string it_pays(const Standing& standing, const WorkloadSummary& workload, const Analysis& analysis) {
  const GroupSummary* best = standing.best;
  const bool all = standing.unknown.empty();
  const std::string rest =
      all ? "" : fmt::format(" Undecided, and possibly faster: {}.", names_of(standing.unknown, analysis));
  if (standing.first.size() == 1)
    return fmt::format("Parallel training pays here: {} {} {} times as fast as {}.{}", best->group->label,
                       !all                               ? "is"
                       : one_baseline(workload, analysis) ? "is the fastest,"
                                                          : "has the largest speedup,",
                       number(speedup_of(best, analysis)), analysis.comparison(*best).baseline->label, rest);
  return fmt::format("Parallel training pays here: {} {} do not differ significantly: {}.{}",
                     all ? "the fastest" : "these", standing.first.size(), names_of(standing.first, analysis),
                     rest);
}

std::string labels_of(const Groups& groups) {
  std::string labels;
  for (const GroupSummary* group : groups) labels += (labels.empty() ? "" : ", ") + group->group->label;
  return labels;
}

std::string not_yet(const GroupSummary& best, const WorkloadSummary& workload, const Analysis& analysis) {
  const Comparison& comparison = analysis.comparison(best);
  return fmt::format("Whether parallel training pays cannot be said yet: of {} against {}, {}.",
                     best.group->label, comparison.baseline->label,
                     what_would_decide(best, comparison, *summary_of(workload, comparison.baseline)));
}

}  // namespace

Standing standing_of(const WorkloadSummary& workload, const Analysis& analysis) {
  Standing standing;
  Groups faster, undecided, slower;
  for (const GroupSummary& group : workload.groups) {
    if (group.group->any().ranks < 2) continue;
    standing.parallel = true;
    standing.measured = standing.measured || group.measured();
    const Comparison& comparison = analysis.comparison(group);
    const bool refused = group.measured() && comparison.refused();
    const bool training = group.group->any().ablation().empty();
    if (training && (refused || !group.measured())) standing.untold.push_back(&group);
    standing.refused = standing.refused || refused;
    if (!comparison.speedup) continue;
    const Outcome outcome = outcome_of(*comparison.speedup);
    (outcome == Outcome::faster      ? faster
     : outcome == Outcome::undecided ? undecided
                                     : slower)
        .push_back(&group);
  }
  const Groups& compared = !faster.empty() ? faster : !undecided.empty() ? undecided : slower;
  if (compared.empty()) return standing;
  standing.best = fastest(compared, analysis);
  standing.outcome = outcome_of(*analysis.comparison(*standing.best).speedup);
  if (faster.empty()) return standing;
  for (const GroupSummary* group : faster)
    if (group == standing.best || tied(*group, *standing.best, analysis)) standing.first.push_back(group);
  for (const GroupSummary* group : undecided)
    if (speedup_of(group, analysis) > speedup_of(standing.best, analysis)) standing.unknown.push_back(group);
  return standing;
}

std::string closing_sentence(const WorkloadSummary& workload, const Analysis& analysis) {
  const Standing standing = standing_of(workload, analysis);
  if (standing.best && standing.outcome == Outcome::faster) return it_pays(standing, workload, analysis);
  if (standing.best && standing.outcome == Outcome::undecided)
    return not_yet(*standing.best, workload, analysis);
  if (standing.best && standing.untold.empty())
    return "Parallel training does not pay here: every number of ranks that was tried is slower.";
  if (standing.best)
    return fmt::format(
        "Parallel training does not pay where it could be compared: every number of ranks is slower. Not "
        "compared: {}.",
        labels_of(standing.untold));
  if (standing.refused) return "Whether parallel training pays cannot be said: every comparison is refused.";
  if (standing.measured)
    return "Whether parallel training pays cannot be said: there is no run to compare it with.";
  if (standing.parallel)
    return "Whether parallel training pays cannot be said: no run on more than one rank can be used.";
  return fmt::format("No run {}used more than one rank, so there is no speedup.",
                     analysis.runs.unreadable.empty() ? "" : "that could be read ");
}

}  // namespace lockstep
