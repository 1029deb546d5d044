#include "record/step_columns.hpp"

#include <array>
#include <type_traits>

namespace lockstep {

StepRow step_row(const StepSpans& spans, const std::vector<CommInterval>& comm, bool on_device) {
  std::array<std::vector<Interval>, kPhases> by_phase;
  for (const PhaseSpan& span : spans.phases)
    by_phase[static_cast<std::size_t>(span.phase)].push_back(span.interval);
  std::vector<Interval> transfers, stalls;
  for (const CommInterval& c : comm) {
    transfers.push_back({c.start, c.end});
    if (!c.blocking) continue;
    stalls.push_back({c.ready, c.end});
    if (on_device) transfers.push_back({c.ready, c.end});
  }
  if (on_device && !comm.empty()) {
    const std::vector<Interval>& waits = by_phase[static_cast<std::size_t>(Phase::wait)];
    transfers.insert(transfers.end(), waits.begin(), waits.end());
  }
  const IntervalSet standing(stalls);
  const auto spent_in = [&](Phase phase) { return IntervalSet(by_phase[static_cast<std::size_t>(phase)]); };
  const auto computing = [&](Phase phase) { return spent_in(phase).minus(standing); };
  const IntervalSet forward = computing(Phase::forward), backward = computing(Phase::backward),
                    optimizer = computing(Phase::optimizer);
  const IntervalSet transfer = IntervalSet(transfers).clipped(spans.whole.begin, spans.whole.end);

  StepRow row;
  row.start = spans.whole.begin;
  row.wall = spans.whole.end - spans.whole.begin;
  row.data = spent_in(Phase::data).length();
  row.h2d = spent_in(Phase::h2d).length();
  row.forward = forward.length();
  row.backward = backward.length();
  row.optimizer = optimizer.length();
  row.wait = spent_in(Phase::wait).length();
  row.comm = transfer.length();
  row.comm_exposed = transfer.minus(forward)
                         .minus(backward)
                         .minus(optimizer)
                         .minus(spent_in(Phase::data))
                         .minus(spent_in(Phase::h2d))
                         .length();
  row.bubble = spent_in(Phase::stall).minus(transfer).length();
  row.other = row.wall;
  for_each_step_column([&]<typename T>(const StepColumn<T>& column) {
    if constexpr (std::is_same_v<T, double>)
      if (column.budget == Budget::part) row.other -= row.*column.row;
  });
  return row;
}

std::vector<StagePass> stage_passes(const StepSpans& spans, const std::vector<Action>& actions,
                                    std::int32_t step) {
  std::vector<StagePass> passes;
  for (const PhaseSpan& span : spans.phases) {
    if (span.phase != Phase::forward && span.phase != Phase::backward) continue;
    const Action& action = actions[passes.size() % actions.size()];
    passes.push_back({step, action.chunk, action.micro_batch, action.kind == Action::Kind::backward ? 1 : 0,
                      span.interval.begin, span.interval.end});
  }
  return passes;
}

}  // namespace lockstep
