#include "plan/message_lanes.hpp"

#include <compare>
#include <map>
#include <tuple>

#include "plan/schedule_simulation.hpp"

namespace lockstep {

// The neighbours form a line, or a ring where the last is one of the first: two lanes in turn, and a third
// one where a ring of an odd length closes.
int lane_count(int stages, int chunks_per_stage) {
  const bool ring = chunks_per_stage > 1;
  if (stages < 2 || (stages == 2 && !ring)) return 1;
  return ring && stages % 2 == 1 ? 3 : 2;
}

int lane_of(int stage, int stages, int lanes) {
  const bool closes_odd_ring = lanes == 3 && stage == stages - 1;
  return closes_odd_ring ? 2 : stage % 2 % lanes;
}

namespace {

using Kind = Action::Kind;

bool exists(const StageActions& schedule, int chunk) { return chunk >= 0 && chunk < chunk_count(schedule); }
int chunk_behind(const Action& a) { return a.kind == Kind::forward ? a.chunk - 1 : a.chunk + 1; }
int chunk_before(const Action& a) { return a.kind == Kind::forward ? a.chunk + 1 : a.chunk - 1; }

// When a message travels, and its place among those that travel at once: the same on both of its ranks.
struct Turn {
  double time;
  Kind kind;
  int into, micro_batch;  // the chunk that reads it
  auto operator<=>(const Turn&) const = default;
};

Turn turn_of_output(const TimedAction& a) {
  return {a.end, a.action.kind, chunk_before(a.action), a.action.micro_batch};
}

// Back from its own action, over passes that begin no earlier than the message travels and over sends whose
// turn is later.
std::size_t point_of(const Turn& turn, std::size_t own, const std::vector<TimedAction>& actions,
                     const StageActions& schedule) {
  std::size_t point = 2 * own;
  for (std::size_t before = own; before-- > 0;) {
    const TimedAction& other = actions[before];
    const bool sends = exists(schedule, chunk_before(other.action));
    if (sends && turn_of_output(other) < turn) break;
    if (sends) point = 2 * before + 1;
    if (other.start < turn.time) break;
    point = 2 * before;
  }
  return point;
}

}  // namespace

std::vector<Receive> receives_in_order(const StageActions& schedule, int stage) {
  const Timeline timeline = simulate(schedule, ChunkTimes::equal(chunk_count(schedule), 1, 1));
  std::map<std::tuple<Kind, int, int>, double> ends;
  for (const std::vector<TimedAction>& actions : timeline.stages)
    for (const TimedAction& a : actions) ends[{a.action.kind, a.action.chunk, a.action.micro_batch}] = a.end;
  const std::vector<TimedAction>& mine = timeline.stages[static_cast<std::size_t>(stage)];
  std::map<Turn, Receive> receives;
  for (std::size_t i = 0; i < mine.size(); ++i) {
    const Action& a = mine[i].action;
    if (!exists(schedule, chunk_behind(a))) continue;
    const Turn turn{ends.at({a.kind, chunk_behind(a), a.micro_batch}), a.kind, a.chunk, a.micro_batch};
    receives.emplace(turn, Receive{i, point_of(turn, i, mine, schedule)});
  }
  std::vector<Receive> in_order;
  for (const auto& [turn, receive] : receives) in_order.push_back(receive);
  return in_order;
}

}  // namespace lockstep
