#include "analysis/metrics/overlap.hpp"

#include <algorithm>
#include <vector>

namespace lockstep {

namespace {

bool belongs(const StepTable& steps, const CommTable& comm, std::size_t i) {
  return comm.rank[i] >= 0 && comm.rank[i] < steps.ranks() && comm.step[i] >= 0 &&
         comm.step[i] < steps.steps();
}

// Events of a rank and step that begin one after another, as a recorder leaves them: no more than the end of
// the last one need be kept. Nothing when they are in another order.
std::optional<Matrix<double>> lengths_in_order(const StepTable& steps, const CommTable& comm) {
  Matrix<double> lengths(steps.ranks(), steps.steps()), covered = steps.start, begun = steps.start;
  for (std::size_t i = 0; i < comm.size(); ++i) {
    if (!belongs(steps, comm, i)) continue;
    const std::int64_t r = comm.rank[i], s = comm.step[i];
    const double begin = std::max(comm.start[i], steps.start.at(r, s));
    const double end = std::min(comm.end[i], steps.start.at(r, s) + steps.wall.at(r, s));
    if (begin < begun.at(r, s)) return {};
    begun.at(r, s) = begin;
    lengths.at(r, s) += std::max(0.0, end - std::max(begin, covered.at(r, s)));
    covered.at(r, s) = std::max(covered.at(r, s), end);
  }
  return lengths;
}

Matrix<double> lengths_in_any_order(const StepTable& steps, const CommTable& comm) {
  Matrix<std::vector<Interval>> events(steps.ranks(), steps.steps());
  for (std::size_t i = 0; i < comm.size(); ++i)
    if (belongs(steps, comm, i))
      events.at(comm.rank[i], comm.step[i]).push_back({comm.start[i], comm.end[i]});
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

}  // namespace

CommLengths comm_lengths(const IntervalSet& compute, const IntervalSet& comm) {
  return {comm.length(), comm.intersected(compute).length(), comm.minus(compute).length()};
}

std::optional<Matrix<double>> comm_from_events(const StepTable& steps, const CommTable& comm) {
  if (comm.size() == 0) return {};
  std::optional<Matrix<double>> lengths = lengths_in_order(steps, comm);
  return lengths ? std::move(lengths) : lengths_in_any_order(steps, comm);
}

}  // namespace lockstep
