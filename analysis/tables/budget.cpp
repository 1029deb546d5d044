#include <algorithm>

#include "analysis/model/lost.hpp"
#include "analysis/tables/page_parts.hpp"
#include "analysis/tables/pages.hpp"

namespace lockstep {

namespace {

Sheet steps_sheet(const Analysis& analysis) {
  Sheet sheet{
      "budget", "Mean step in ms, mean over ranks", {{"group", "", ""}, {"wall", "s", "wall", 1000}}, {}};
  for (std::size_t part = 0; part < kBudgetParts; ++part)
    sheet.columns.push_back({kQuantityNames[part], "s", kQuantityNames[part], 1000});
  sheet.columns.push_back({"other_share", "1", "other %", 100});
  visit_measured(analysis, [&](const WorkloadSummary& workload, const GroupSummary& group) {
    std::vector<Cell>& row = sheet.rows.emplace_back();
    row.emplace_back(subject(analysis, workload, group.group->label));
    if (const auto no = refused(group, Claim::budget)) return row.push_back(*no);
    row.emplace_back(group.budget[Quantity::wall]);
    for (std::size_t part = 0; part < kBudgetParts; ++part) row.emplace_back(group.budget.values[part]);
    row.emplace_back(group.budget[Quantity::other] / group.budget[Quantity::wall]);
  });
  return sheet;
}

std::vector<Cell> lost_row(const Analysis& analysis, const WorkloadSummary& workload,
                           const GroupSummary& group) {
  std::vector<Cell> row = {subject(analysis, workload, group.group->label)};
  const Comparison& c = analysis.comparison(group);
  if (!c.baseline) return row.push_back(NoCells{"", "no run to compare with"}), row;
  row.emplace_back(c.baseline->label);
  if (const Finding* finding = c.refused()) return row.push_back(no_cells(*finding)), row;
  const GroupSummary& base = *std::find_if(workload.groups.begin(), workload.groups.end(),
                                           [&](const GroupSummary& s) { return s.group == c.baseline; });
  for (const GroupSummary* side : {&group, &base})
    if (const auto no = refused(*side, Claim::budget)) return row.push_back(*no), row;
  const Lost lost = *lost_by(group, base);
  row.emplace_back(lost.ideal);
  row.emplace_back(lost.time.total);
  for (const LostTime::Part& part : lost.time.parts) row.emplace_back(part.seconds);
  return row;
}

Sheet lost_sheet(const Analysis& analysis) {
  Sheet sheet{
      "lost",
      "What a step takes beyond the ideal one, in ms",
      {{"group", "", ""}, {"baseline", "", "vs"}, {"ideal", "s", "ideal", 1000}, {"lost", "s", "lost", 1000}},
      {}};
  for (const char* part :
       {"data", "h2d", "compute", "optimizer", "comm_wait", "comm_transfer", "bubble", "other"})
    sheet.columns.push_back({part, "s", part, 1000});
  visit_measured(analysis, [&](const WorkloadSummary& workload, const GroupSummary& group) {
    if (group.group->any().ranks > 1) sheet.rows.push_back(lost_row(analysis, workload, group));
  });
  return sheet;
}

}  // namespace

Page budget_page(const Analysis& analysis, const PageOptions&) {
  Page page{"Time budget: " + size_of(analysis), {}, {steps_sheet(analysis)}, {}};
  if (Sheet lost = lost_sheet(analysis); !lost.rows.empty()) {
    page.sheets.push_back(std::move(lost));
    page.notes = {"The ideal step is the baseline's, divided by the ranks under strong scaling.",
                  "Parts below 0 take less than their share of the baseline's.",
                  "Transfer is what the step would be shorter without it (replayed); the rest of the exposed "
                  "communication is "
                  "waiting."};
  }
  return page;
}

}  // namespace lockstep
