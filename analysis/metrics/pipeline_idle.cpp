#include "analysis/metrics/pipeline_idle.hpp"

#include <algorithm>
#include <vector>

#include "timing/intervals.hpp"

namespace lockstep {

namespace {

double last_start(const CommTable& comm, std::span<const Collectives::Event> members) {
  double last = comm.start[members.front()];
  for (const Collectives::Event e : members) last = std::max(last, comm.start[e]);
  return last;
}

using Intervals = Matrix<std::vector<Interval>>;  // [ranks, steps]

// Of each rank and step, when something that it takes part in is on the wire.
Intervals on_the_wire(const RunData& run) {
  const CommTable& comm = run.comm;
  const Collectives matched(comm, run.steps.ranks(), run.steps.steps());
  Intervals wire(run.steps.ranks(), run.steps.steps());
  for (std::size_t c = 0; c < matched.size(); ++c) {
    const auto members = matched.members(c);
    const bool whole = matched.is_whole(c);
    const double begin = last_start(comm, members);
    for (const Collectives::Event e : members)
      wire.at(comm.rank[e], comm.step[e])
          .push_back({whole ? std::min(begin, comm.end[e]) : comm.start[e], comm.end[e]});
  }
  return wire;
}

Intervals passes_of(const RunData& run) {
  Intervals passes(run.steps.ranks(), run.steps.steps());
  const StageTable& stages = run.stages;
  for (std::size_t i = 0; i < stages.size(); ++i)
    if (stages.rank[i] >= 0 && stages.rank[i] < run.steps.ranks() && stages.step[i] >= 0 &&
        stages.step[i] < run.steps.steps())
      passes.at(stages.rank[i], stages.step[i]).push_back({stages.start[i], stages.end[i]});
  return passes;
}

}  // namespace

bool has_messages(const CommTable& comm) {
  return std::find(comm.kind.begin(), comm.kind.end(), "send") != comm.kind.end();
}

void book_idle_as_bubble(RunData& run) {
  StepTable& t = run.steps;
  if (!has_messages(run.comm) || t.bubble.columns != t.steps()) return;
  Intervals wire = on_the_wire(run), passes = passes_of(run);
  for (std::int64_t r = 0; r < t.ranks(); ++r) {
    for (std::int64_t s = 0; s < t.steps(); ++s) {
      const double begin = t.start.at(r, s);
      const double transfer = IntervalSet(std::move(wire.at(r, s)))
                                  .clipped(begin, begin + t.wall.at(r, s))
                                  .minus(IntervalSet(std::move(passes.at(r, s))))
                                  .length();
      const double idle = std::max(0.0, t.comm_exposed.at(r, s) - transfer);
      t.comm_exposed.at(r, s) -= idle;
      t.bubble.at(r, s) += idle;
    }
  }
}

MessageTotals message_totals(const CommTable& comm, const Collectives& matched, std::int64_t first_step) {
  MessageTotals totals;
  for (std::size_t c = 0; c < matched.size(); ++c) {
    const auto members = matched.members(c);
    const auto sent = std::find_if(members.begin(), members.end(),
                                   [&](Collectives::Event e) { return comm.kind[e] == "send"; });
    if (sent == members.end() || members.size() < 2 || comm.step[*sent] < first_step) continue;
    double arrived = comm.end[*sent];
    for (const Collectives::Event e : members) arrived = std::max(arrived, comm.end[e]);
    totals.bytes += static_cast<double>(comm.bytes[*sent]);
    totals.seconds += arrived - last_start(comm, members);
  }
  return totals;
}

}  // namespace lockstep
