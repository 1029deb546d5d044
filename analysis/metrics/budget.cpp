#include "analysis/metrics/budget.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace lockstep {

double phase_seconds(LossPart phase, const Quantities& step) {
  switch (phase) {
    case LossPart::data:
      return step[Quantity::data];
    case LossPart::h2d:
      return step[Quantity::h2d];
    case LossPart::compute:
      return step.passes();
    case LossPart::optimizer:
      return step[Quantity::optimizer];
    case LossPart::bubble:
      return step[Quantity::bubble];
    case LossPart::other:
      return step[Quantity::other];
    case LossPart::comm_wait:
    case LossPart::comm_transfer:
      break;
  }
  return 0;
}

double budget_gap(const Quantities& step) {
  const double parts = std::accumulate(step.values.begin(), step.values.begin() + kBudgetParts, 0.0);
  return (parts - step[Quantity::wall]) / step[Quantity::wall];
}

double exposed_transfer(const Quantities& step) {
  const double exposed = step[Quantity::comm_exposed];
  if (step[Quantity::ideal] > 0)
    return std::clamp(step[Quantity::wall] - step[Quantity::ideal], 0.0, exposed);
  const double in_collectives = step[Quantity::wait] + step[Quantity::transfer];
  return in_collectives > 0 ? exposed * step[Quantity::transfer] / in_collectives : exposed;
}

bool LostTime::has_shares() const {
  return total > 0 && std::all_of(parts.begin(), parts.end(),
                                  [&](const Part& part) { return std::abs(part.seconds) <= total; });
}

LostTime lost_time(const Quantities& step, const Quantities& baseline, std::int64_t ranks, bool strong) {
  Quantities lost = baseline;
  lost *= strong ? -1 / static_cast<double>(ranks) : -1;
  lost += step;
  const double transfer = exposed_transfer(step);
  LostTime time{lost[Quantity::wall], {}};
  for (const auto& [name, part] : kNames<LossPart>) time.parts.push_back({part, phase_seconds(part, lost)});
  time.of(LossPart::comm_wait) = lost[Quantity::comm_exposed] - transfer;
  time.of(LossPart::comm_transfer) = transfer;
  return time;
}

}  // namespace lockstep
