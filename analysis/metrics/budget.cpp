#include "analysis/metrics/budget.hpp"

#include <numeric>

namespace lockstep {

Quantities mean_step(std::span<const std::span<const Quantities>> launches) {
  Quantities sum;
  double steps = 0;
  for (const auto& launch : launches) {
    for (const Quantities& step : launch) sum += step;
    steps += static_cast<double>(launch.size());
  }
  return sum *= 1 / steps;
}

double budget_gap(const Quantities& step) {
  const double parts = std::accumulate(step.values.begin(), step.values.begin() + kBudgetParts, 0.0);
  return (parts - step[Quantity::wall]) / step[Quantity::wall];
}

LostTime lost_time(const Quantities& step, const Quantities& baseline, std::int64_t ranks, bool strong) {
  Quantities lost = baseline;
  lost *= strong ? -1 / static_cast<double>(ranks) : -1;
  lost += step;
  const double in_collectives = step[Quantity::wait] + step[Quantity::transfer];
  const double waiting = in_collectives > 0 ? step[Quantity::wait] / in_collectives : 0;
  const double exposed = lost[Quantity::comm_exposed];
  return {lost[Quantity::wall],
          {{"data", lost[Quantity::data]},
           {"h2d", lost[Quantity::h2d]},
           {"compute", lost[Quantity::forward] + lost[Quantity::backward]},
           {"optimizer", lost[Quantity::optimizer]},
           {"comm_wait", exposed * waiting},
           {"comm_transfer", exposed * (1 - waiting)},
           {"bubble", lost[Quantity::bubble]},
           {"other", lost[Quantity::other]}}};
}

}  // namespace lockstep
