// Where a group loses time against its baseline.
#pragma once

#include <optional>

#include "analysis/metrics/budget.hpp"
#include "analysis/model/summary.hpp"

namespace lockstep {

struct Lost {
  LostTime time;  // seconds of a mean step
  double ideal = 0;
  // What of comm_wait the late rank takes longer itself: it is lost by that rank alone, and by the others in
  // waiting for it, and counts as waiting for it. 0 unless one rank is always the late one.
  double late_rank_itself = 0;
};

// The part's name in tables for people: "waiting" and "transfer" for the two of communication.
const char* short_name(LossPart part);

// Why nothing is known of the lost time: of one of the budgets, or of what the ranks waited; null: it is known.
const Finding* refusal_of_loss(const GroupSummary& group, const GroupSummary& baseline);

// Nothing where one of the budgets is refused, or what the ranks waited.
std::optional<Lost> lost_by(const GroupSummary& group, const GroupSummary& baseline);

}  // namespace lockstep
