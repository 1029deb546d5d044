#include "analysis/import/clock_alignment.hpp"

#include <fmt/format.h>

#include "analysis/metrics/clocks.hpp"
#include "analysis/metrics/collectives.hpp"
#include "analysis/metrics/statistics.hpp"
#include "analysis/quantities/numbers.hpp"

namespace lockstep {

namespace {

void shift(RunData& run, std::int32_t rank, double seconds) {
  for (std::int64_t s = 0; s < run.steps.steps(); ++s) run.steps.start.at(rank, s) += seconds;
  for (std::size_t i = 0; i < run.comm.size(); ++i)
    if (run.comm.rank[i] == rank)
      for (auto* column : {&run.comm.ready, &run.comm.start, &run.comm.end}) (*column)[i] += seconds;
}

}  // namespace

std::vector<std::string> align_clocks(RunData& run) {
  std::vector<std::string> notes;
  const Collectives collectives(run.comm, std::max(run.header.world_size, run.steps.ranks()),
                                run.steps.steps());
  // The largest gap first; a rank is shifted once, and then has none.
  for (std::int64_t shifted = 1; shifted < run.steps.ranks(); ++shifted) {
    const std::optional<ClockGap> gap = clock_gap(run.comm, collectives, {});
    if (!gap) break;
    shift(run, gap->rank, -gap->seconds);
    RankEnvironment& rank = run.ranks[static_cast<std::size_t>(gap->rank)];
    rank.clock_offset += gap->seconds;
    rank.clock_error = gap->bound;
    notes.push_back(fmt::format(
        "by the ends of their collectives the clock of rank {} is {} ms {} of rank {}'s; its times are shifted by that",
        gap->rank, milliseconds(std::abs(gap->seconds)), gap->seconds > 0 ? "ahead" : "behind", gap->other));
  }
  return notes;
}

}  // namespace lockstep
