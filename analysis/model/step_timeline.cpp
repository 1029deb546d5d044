#include "analysis/model/step_timeline.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "analysis/metrics/statistics.hpp"

namespace lockstep {

namespace {

struct PhaseColumn {
  Quantity phase;
  Matrix<double> StepTable::*column;
};
constexpr PhaseColumn kInOrder[] = {
    {Quantity::data, &StepTable::data},           {Quantity::h2d, &StepTable::h2d},
    {Quantity::forward, &StepTable::forward},     {Quantity::backward, &StepTable::backward},
    {Quantity::bubble, &StepTable::bubble},       {Quantity::comm_exposed, &StepTable::comm_exposed},
    {Quantity::optimizer, &StepTable::optimizer}, {Quantity::other, &StepTable::other},
};

}  // namespace

std::vector<PhaseSpan> phase_spans(const StepTable& steps, std::int64_t rank, std::int64_t step) {
  std::vector<PhaseSpan> spans;
  double now = steps.start.at(rank, step);
  for (const PhaseColumn& phase : kInOrder) {
    const Matrix<double>& column = steps.*phase.column;
    const double length = column.columns == steps.steps() ? column.at(rank, step) : 0;
    if (length <= 0) continue;
    spans.push_back({phase.phase, now, now + length});
    now += length;
  }
  return spans;
}

EventsByStep events_by_step(const CommTable& comm, std::int64_t steps) {
  EventsByStep events;
  events.begin.assign(static_cast<std::size_t>(steps) + 1, 0);
  const auto known = [&](std::int32_t step) { return step >= 0 && step < steps; };
  for (const std::int32_t step : comm.step)
    if (known(step)) ++events.begin[static_cast<std::size_t>(step) + 1];
  for (std::size_t k = 1; k < events.begin.size(); ++k) events.begin[k] += events.begin[k - 1];
  events.order.resize(events.begin.back());
  std::vector<std::size_t> next(events.begin.begin(), events.begin.end() - 1);
  for (std::size_t row = 0; row < comm.size(); ++row)
    if (known(comm.step[row])) events.order[next[static_cast<std::size_t>(comm.step[row])]++] = row;
  return events;
}

std::vector<Collective> collectives_of(const CommTable& comm, const EventsByStep& events, std::int64_t step,
                                       std::int64_t ranks) {
  std::map<std::int64_t, Collective> by_sequence;
  const auto at = static_cast<std::size_t>(step);
  for (std::size_t i = events.begin[at]; i < events.begin[at + 1]; ++i) {
    const std::size_t row = events.order[i];
    Collective& collective = by_sequence[comm.sequence[row]];
    const double duration = comm.end[row] - comm.start[row];
    collective.transfer = collective.rows.empty() ? duration : std::min(collective.transfer, duration);
    collective.rows.push_back(row);
  }
  std::vector<Collective> collectives;
  for (auto& [sequence, collective] : by_sequence) {
    collective.sequence = sequence;
    if (std::ssize(collective.rows) != ranks) collective.transfer = 0;
    std::sort(collective.rows.begin(), collective.rows.end(), [&](std::size_t a, std::size_t b) {
      return std::pair(comm.start[a], comm.rank[a]) < std::pair(comm.start[b], comm.rank[b]);
    });
    collectives.push_back(std::move(collective));
  }
  return collectives;
}

std::int64_t place_of_median(std::span<const double> values) {
  const double middle = median(values);
  const auto nearest = std::min_element(values.begin(), values.end(), [&](double a, double b) {
    return std::abs(a - middle) < std::abs(b - middle);
  });
  return nearest - values.begin();
}

}  // namespace lockstep
