// What pictures need from a run beyond its Launch: read again from the file and reduced at once, so that only
// one run's samples are in memory at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analysis/model/analysis.hpp"
#include "analysis/model/step_timeline.hpp"

namespace lockstep {

// A stretch of neighbouring steps, at most kLossPoints a run.
struct LossPoint {
  double samples = 0, seconds = 0, loss = 0;  // trained on, since the first step's begin; mean of the stretch
};
inline constexpr std::size_t kLossPoints = 150;

struct TimelineSpan {
  std::int64_t rank = 0;
  Quantity phase = Quantity::comm;  // comm: an event of /comm
  double begin = 0, end = 0;        // seconds since the first rank's begin of the step
  std::int64_t part = -1;           // bucket of an event, micro-batch of a pass
  double bytes = 0;                 // of an event
};

// In a collective of the step: who came first, and who last.
struct TimelineWait {
  std::int64_t rank = 0, late_rank = 0;
  double begin = 0, end = 0;  // their begins, as in TimelineSpan
};

struct RunDetail {
  const Launch* launch = nullptr;
  std::vector<EpochRow> epochs;    // without confusion matrices
  Matrix<std::int64_t> confusion;  // after the last epoch; empty: none
  std::vector<LossPoint> loss;
  std::vector<TimelineSpan> median_step;  // of the first kTimelineRanks ranks
  std::vector<TimelineWait> waits;        // of the same step and ranks, those of 1 % of it and more
  std::vector<TimelineSpan> passes;       // of the same step: forward and backward, from /stages
  std::int64_t median_step_number = -1;
  std::vector<RankEnvironment> places;  // one a rank
  std::string config_given, config_resolved;
};
inline constexpr std::int64_t kTimelineRanks = 16;

// Of a run as it was read.
RunDetail make_detail(const RunData& run, const Launch& launch);

// The runs of a group, in its order; at most `most` of them, spread evenly. A file that has since become
// unreadable is left out.
struct GroupDetail {
  const GroupSummary* summary = nullptr;
  std::vector<RunDetail> runs;
  // The one whose training took the median time; null when none could be read.
  const RunDetail* typical() const;
};
GroupDetail read_group_detail(const GroupSummary& summary, std::size_t most);

// All runs that a report reads again.
inline constexpr std::size_t kDetailRuns = 64;

}  // namespace lockstep
