#include "analysis/model/lost.hpp"

#include <algorithm>

#include "analysis/checks/rules.hpp"

namespace lockstep {

namespace {

void lay_on_late_rank(Lost& lost, const GroupSummary& group) {
  if (!group.parallel.late || group.parallel.late->lateness.kind != Straggler::persistent) return;
  const LateRank& late = *group.parallel.late;
  lost.late_rank_itself =
      std::max(0.0, (late.seconds - late.others) / static_cast<double>(group.group->any().ranks));
  lost.time.of(late.phase) -= lost.late_rank_itself;
  lost.time.of(LossPart::comm_wait) += lost.late_rank_itself;
}

}  // namespace

const char* short_name(LossPart part) {
  if (part == LossPart::comm_wait) return "waiting";
  return part == LossPart::comm_transfer ? "transfer" : name_of(part);
}

const Finding* refusal_of_loss(const GroupSummary& group, const GroupSummary& baseline) {
  for (const GroupSummary* side : {&group, &baseline})
    for (const Claim claim : {Claim::budget, Claim::waiting})
      if (const Finding* finding = refusal_of(side->findings, claim)) return finding;
  return nullptr;
}

std::optional<Lost> lost_by(const GroupSummary& group, const GroupSummary& baseline) {
  if (refusal_of_loss(group, baseline)) return {};
  const Launch& launch = group.group->any();
  Lost lost;
  lost.time = lost_time(group.steps.point, baseline.steps.point, launch.ranks, !launch.weak_scaling());
  lost.ideal = group.steps.point[Quantity::wall] - lost.time.total;
  lay_on_late_rank(lost, group);
  return lost;
}

}  // namespace lockstep
