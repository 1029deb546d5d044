#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "plan/schedule_drawing.hpp"

namespace lockstep {

namespace {

constexpr const char* kCut = " >>";

// "F3", or "F3.1" where stages have several chunks.
std::string label(const Action& action, int stages, bool chunks) {
  const char kind = action.kind == Action::Kind::forward ? 'F' : 'B';
  return chunks ? fmt::format("{}{}.{}", kind, action.micro_batch, action.chunk / stages)
                : fmt::format("{}{}", kind, action.micro_batch);
}

std::vector<std::string> slots_of(const std::vector<TimedAction>& stage, std::size_t slots, int stages,
                                  bool chunks) {
  std::vector<std::string> row(slots, ".");
  for (const TimedAction& timed : stage)
    row[static_cast<std::size_t>(std::lround(timed.start))] = label(timed.action, stages, chunks);
  return row;
}

std::string legend(bool chunks, std::size_t shown, std::size_t slots) {
  std::string text = fmt::format("F0, B0: forward, backward pass of micro-batch 0{}; .: idle\n",
                                 chunks ? "; .1: through the stage's chunk 1" : "");
  if (shown < slots) text += fmt::format(">>: cut, {} of {} slots are shown\n", shown, slots);
  return text;
}

}  // namespace

std::string schedule_grid(const StageActions& schedule, int width) {
  const int stages = static_cast<int>(schedule.size());
  const int all_chunks = chunk_count(schedule);
  const bool chunks = all_chunks > stages;
  const Timeline timeline = simulate(schedule, ChunkTimes::equal(all_chunks, 1, 1));
  const auto slots = static_cast<std::size_t>(std::lround(timeline.makespan));
  const std::size_t cell =
      label({{}, all_chunks - 1, micro_batch_count(schedule) - 1}, stages, chunks).size();
  const std::size_t head = fmt::format("stage {} |", stages - 1).size();
  const auto columns = static_cast<std::size_t>(std::max(width, 0));
  const bool fits = head + slots * (cell + 1) <= columns;
  const std::size_t used = head + (fits ? 0 : 3);
  const std::size_t shown = fits ? slots : (columns > used ? (columns - used) / (cell + 1) : 0);

  std::string text;
  for (int stage = 0; stage < stages; ++stage) {
    std::string line = fmt::format("stage {:>{}} |", stage, head - 8);
    const auto row = slots_of(timeline.stages[static_cast<std::size_t>(stage)], slots, stages, chunks);
    for (std::size_t slot = 0; slot < shown; ++slot) line += fmt::format(" {:<{}}", row[slot], cell);
    if (!fits) line += kCut;
    text += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
  }
  return text + legend(chunks, shown, slots);
}

}  // namespace lockstep
