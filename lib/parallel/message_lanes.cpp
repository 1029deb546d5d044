#include "parallel/message_lanes.hpp"

#include <map>
#include <tuple>

#include "parallel/schedule_simulation.hpp"

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

std::vector<std::size_t> receive_turns(const StageActions& schedule, int stage) {
  const Timeline timeline = simulate(schedule, ChunkTimes::equal(chunk_count(schedule), 1, 1));
  std::map<std::tuple<Action::Kind, int, int>, double> ends;
  for (const std::vector<TimedAction>& actions : timeline.stages)
    for (const TimedAction& a : actions) ends[{a.action.kind, a.action.chunk, a.action.micro_batch}] = a.end;
  const std::vector<TimedAction>& mine = timeline.stages[static_cast<std::size_t>(stage)];
  std::vector<std::size_t> turns;
  for (std::size_t i = 0; i < mine.size(); ++i) {
    const Action& action = mine[i].action;
    const int source = action.kind == Action::Kind::forward ? action.chunk - 1 : action.chunk + 1;
    const auto made = ends.find({action.kind, source, action.micro_batch});
    std::size_t turn = i;
    while (made != ends.end() && turn > 0 && mine[turn - 1].start >= made->second) --turn;
    turns.push_back(turn);
  }
  return turns;
}

}  // namespace lockstep
