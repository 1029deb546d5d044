#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "analysis/checks/rules.hpp"
#include "analysis/quantities/numbers.hpp"
#include "analysis/tables/group_table.hpp"
#include "analysis/tables/pages.hpp"

namespace lockstep {

namespace {

using Q = Quantity;

struct Pair {
  std::string name;
  const GroupSummary *before = nullptr, *after = nullptr;
  std::vector<Finding> findings;
};

const GroupSummary* find(const Analysis& analysis, const Workload& workload, const std::string& label) {
  for (const WorkloadSummary& w : analysis.summaries) {
    if (w.workload->model != workload.model || w.workload->data != workload.data) continue;
    for (const GroupSummary& group : w.groups)
      if (group.measured() && group.group->label == label) return &group;
  }
  return nullptr;
}

std::vector<Pair> pairs_of(const Analysis& before, const Analysis& after, std::vector<std::string>& notes) {
  std::vector<Pair> pairs;
  for (const auto& [name, w, group] : groups_of(before)) {
    const GroupSummary* other = find(after, *w->workload, group->group->label);
    if (other)
      pairs.push_back({name, group, other, check_pair(*other->group, *group->group)});
    else
      notes.push_back(name + " is only in the first.");
  }
  for (const auto& [name, w, group] : groups_of(after))
    if (!find(before, *w->workload, group->group->label)) notes.push_back(name + " is only in the second.");
  return pairs;
}

struct Change {
  Q phase;
  double before, after;
  Estimate difference;                                            // seconds
  bool known() const { return difference.interval.has_value(); }  // single launches tell nothing
  bool significant() const {
    return known() && (difference.interval->low > 0 || difference.interval->high < 0);
  }
};

// By the ratio of the two, as that of a speedup: a step is positive. Parts may be 0, so theirs is of
// differences.
Estimate difference_of(const Pair& pair, Q phase) {
  const auto ratio = [](const Quantities& a, const Quantities& b) { return a[Q::wall] / b[Q::wall]; };
  const double before = pair.before->steps.point[phase];
  if (phase == Q::wall)
    return mapped(estimate(pair.after->steps, pair.before->steps, ratio),
                  [before](double times) { return before * (times - 1); });
  return estimate(
      pair.after->steps, pair.before->steps,
      [phase](const Quantities& a, const Quantities& b) { return a[phase] - b[phase]; }, Scale::any);
}

Change change_of(const Pair& pair, Q phase) {
  const Quantities &before = pair.before->steps.point, &after = pair.after->steps.point;
  return {phase, before[phase], after[phase], difference_of(pair, phase)};
}

std::vector<Change> changes_of(const Pair& pair) {
  std::vector<Change> changes = {change_of(pair, Q::wall)};
  for (std::size_t part = 0; part < kBudgetParts; ++part)
    if (const auto phase = static_cast<Q>(part);
        pair.before->steps.point[phase] != 0 || pair.after->steps.point[phase] != 0)
      changes.push_back(change_of(pair, phase));
  return changes;
}

std::string sentence_of(const Pair& pair, const std::vector<Change>& changes) {
  const Change& wall = changes.front();
  const double percent = 100 * wall.difference.value / wall.before;
  if (!wall.known())
    return fmt::format(
        "{}: whether the step has changed cannot be said ({} -> {} ms): two or more launches are needed on "
        "both sides.",
        pair.name, milliseconds(wall.before), milliseconds(wall.after));
  if (!wall.significant())
    return fmt::format("{}: no significant change of the step ({} -> {} ms).", pair.name,
                       milliseconds(wall.before), milliseconds(wall.after));
  // The phase that explains most of it.
  const Change& most =
      *std::max_element(changes.begin() + 1, changes.end(), [&](const Change& a, const Change& b) {
        return (percent > 0 ? 1 : -1) * (a.difference.value - b.difference.value) < 0;
      });
  return fmt::format("{}: the step takes {} % {} ({} -> {} ms); most of it is {}: {} -> {} ms.", pair.name,
                     number(std::abs(percent)), percent > 0 ? "longer" : "less", milliseconds(wall.before),
                     milliseconds(wall.after), column_of(most.phase).name, milliseconds(most.before),
                     milliseconds(most.after));
}

}  // namespace

Difference difference(const Analysis& before, const Analysis& after, const PageOptions& options) {
  Difference result;
  Page& page = result.page;
  page.title = fmt::format("{} against {}", options.paths[1], options.paths[0]);
  Table table{"phases",
              "Mean step, in ms",
              {{"group", "", ""},
               {"phase", "", "phase"},
               {"before", "s", "first", 1000},
               {"after", "s", "second", 1000},
               {"difference", "s", "difference", 1000},
               {"share", "1", "% of step", 100},
               {"significant", "", "significant"}},
              {}};
  for (const Pair& pair : pairs_of(before, after, page.notes)) {
    if (const Finding* finding = refusal_of(pair.findings, Claim::speedup)) {
      table.rows.push_back({pair.name, refused_by(*finding)});
      continue;
    }
    const std::vector<Change> changes = changes_of(pair);
    for (const Change& c : changes)
      table.rows.push_back({pair.name, std::string(column_of(c.phase).name), c.before, c.after, c.difference,
                            c.difference.value / changes.front().before,
                            std::string(!c.known()        ? "single"
                                        : c.significant() ? "yes"
                                                          : "no")});
    page.lead.push_back(sentence_of(pair, changes));
    const Change& wall = changes.front();
    if (!wall.significant() || wall.difference.value <= options.threshold * wall.before) continue;
    result.regression = true;
    page.lead.push_back(
        fmt::format("{}: a regression of more than {} %.", pair.name, number(100 * options.threshold)));
  }
  if (table.rows.empty()) page.lead.emplace_back("No configuration is in both.");
  page.tables.push_back(std::move(table));
  page.notes.emplace_back(
      "Significant: the 95 % interval of the difference excludes 0. A single launch says nothing about the "
      "next one.");
  return result;
}

}  // namespace lockstep
