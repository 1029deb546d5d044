#include "analysis/model/step_timeline.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "analysis/metrics/statistics.hpp"

namespace lockstep {

namespace {

// The order in which a step goes through its phases.
constexpr Quantity kInOrder[] = {Quantity::data,      Quantity::h2d,    Quantity::forward,
                                 Quantity::backward,  Quantity::bubble, Quantity::comm_exposed,
                                 Quantity::optimizer, Quantity::other};

std::vector<std::int32_t> steps_of(const Collectives& matched, const CommTable& comm) {
  std::vector<std::int32_t> steps;
  for (std::size_t i = 0; i < matched.size(); ++i) steps.push_back(comm.step[matched.members(i)[0]]);
  return steps;
}

}  // namespace

std::vector<QuantitySpan> phase_spans(const StepTable& steps, std::int64_t rank, std::int64_t step) {
  std::vector<QuantitySpan> spans;
  double now = steps.start.at(rank, step);
  for (const Quantity phase : kInOrder) {
    const Matrix<double>& column = steps.*column_of(phase).column;
    const double length = column.columns == steps.steps() ? column.at(rank, step) : 0;
    if (length <= 0) continue;
    spans.push_back({phase, now, now + length});
    now += length;
  }
  return spans;
}

RowsByStep::RowsByStep(std::span<const std::int32_t> step_of_row, std::int64_t steps)
    : begins_(static_cast<std::size_t>(steps) + 1, 0) {
  const auto known = [&](std::int32_t step) { return step >= 0 && step < steps; };
  for (const std::int32_t step : step_of_row)
    if (known(step)) ++begins_[static_cast<std::size_t>(step) + 1];
  for (std::size_t k = 1; k < begins_.size(); ++k) begins_[k] += begins_[k - 1];
  rows_.resize(begins_.back());
  std::vector<std::size_t> next(begins_.begin(), begins_.end() - 1);
  for (std::size_t row = 0; row < step_of_row.size(); ++row)
    if (known(step_of_row[row])) rows_[next[static_cast<std::size_t>(step_of_row[row])]++] = row;
}

StepCollectives::StepCollectives(const CommTable& comm, std::int64_t ranks, std::int64_t steps)
    : comm_(comm), matched_(comm, ranks, steps), by_step_(steps_of(matched_, comm), steps) {}

std::vector<Collective> StepCollectives::of(std::int64_t step) const {
  std::vector<Collective> collectives;
  for (const std::size_t number : by_step_.of(step)) {
    const auto members = matched_.members(number);
    Collective& collective =
        collectives.emplace_back(Collective{comm_.sequence[members[0]], {members.begin(), members.end()}, 0});
    std::sort(collective.rows.begin(), collective.rows.end(), [&](std::size_t a, std::size_t b) {
      return std::pair(comm_.start[a], comm_.rank[a]) < std::pair(comm_.start[b], comm_.rank[b]);
    });
    if (!matched_.is_whole(number)) continue;
    const auto length = [&](std::size_t row) { return comm_.end[row] - comm_.start[row]; };
    collective.transfer = length(collective.rows.front());
    for (const std::size_t row : collective.rows)
      collective.transfer = std::min(collective.transfer, length(row));
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
