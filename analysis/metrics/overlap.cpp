#include "analysis/metrics/overlap.hpp"

#include <vector>

namespace lockstep {

CommLengths comm_lengths(const IntervalSet& compute, const IntervalSet& comm) {
  return {comm.length(), comm.intersected(compute).length(), comm.minus(compute).length()};
}

std::optional<Matrix<double>> comm_from_events(const StepTable& steps, const CommTable& comm) {
  if (comm.size() == 0) return {};
  Matrix<std::vector<Interval>> events(steps.ranks(), steps.steps());
  for (std::size_t i = 0; i < comm.size(); ++i) {
    if (comm.rank[i] < 0 || comm.rank[i] >= steps.ranks() || comm.step[i] < 0 ||
        comm.step[i] >= steps.steps())
      continue;
    events.at(comm.rank[i], comm.step[i]).push_back({comm.start[i], comm.end[i]});
  }
  Matrix<double> lengths(steps.ranks(), steps.steps());
  for (std::int64_t r = 0; r < steps.ranks(); ++r) {
    for (std::int64_t s = 0; s < steps.steps(); ++s) {
      const double begin = steps.start.at(r, s);
      lengths.at(r, s) =
          IntervalSet(std::move(events.at(r, s))).clipped(begin, begin + steps.wall.at(r, s)).length();
    }
  }
  return lengths;
}

}  // namespace lockstep
