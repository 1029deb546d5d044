#include "analysis/render/trace.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "analysis/model/step_timeline.hpp"
#include "analysis/render/trace_events.hpp"

namespace lockstep {

namespace {

constexpr std::int64_t kComputeLane = 1, kFirstPassLane = 10;
constexpr std::int64_t kFirstCommLane = 100;  // then its waits, then the next lane of both

// Lanes of one rank, so many that no two spans of a lane overlap.
class RankLanes {
 public:
  struct Taken {
    std::int64_t lane;
    bool fresh;  // for the first time
  };
  Taken take(double begin, double end) {
    auto free = std::find_if(ends_.begin(), ends_.end(), [&](double e) { return e <= begin; });
    const bool fresh = free == ends_.end();
    if (fresh) free = ends_.insert(ends_.end(), 0);
    *free = end;
    return {free - ends_.begin(), fresh};
  }

 private:
  std::vector<double> ends_;
};

const char* shown_name(Quantity phase) {
  return phase == Quantity::comm_exposed ? "exposed communication" : column_of(phase).name;
}

class RunTrace {
 public:
  RunTrace(std::ostream& out, const RunData& run, StepWindow window)
      : run_(run),
        window_(window),
        collectives_(run.comm, run.steps.ranks(), run.steps.steps()),
        passes_(run.stages.step, run.steps.steps()),
        out_(out, begin_of(run.steps, window.first)),
        lanes_(static_cast<std::size_t>(run.steps.ranks())),
        pass_lanes_(lanes_.size()) {}

  void write() {
    for (std::int64_t rank = 0; rank < run_.steps.ranks(); ++rank) name_rank(rank);
    out_.flush();
    for (std::int64_t step = window_.first; step < window_.last; ++step) {
      for (std::int64_t rank = 0; rank < run_.steps.ranks(); ++rank) add_phases(rank, step);
      add_passes(step);
      for (const Collective& c : collectives_.of(step)) queue(c);
      add_collectives();
      out_.flush();
    }
  }

  static double begin_of(const StepTable& steps, std::int64_t step) {
    double begin = steps.start.at(0, step);
    for (std::int64_t rank = 1; rank < steps.ranks(); ++rank)
      begin = std::min(begin, steps.start.at(rank, step));
    return begin;
  }

 private:
  // One rank's part of a collective.
  struct Part {
    std::size_t row = 0;
    double transfer = 0;  // 0: not matched
    char flow = 0;        // s, t, f, or none
  };

  void name_rank(std::int64_t rank) {
    std::string name = fmt::format("rank {}", rank);
    if (static_cast<std::size_t>(rank) < run_.ranks.size()) {
      const RankEnvironment& place = run_.ranks[static_cast<std::size_t>(rank)];
      name += fmt::format(" ({}, {})", place.host, place.device);
    }
    out_.name({rank, 0}, name);
    out_.name({rank, kComputeLane}, "computation");
  }

  void add_phases(std::int64_t rank, std::int64_t step) {
    const Json arguments = {{"step", step}, {"epoch", run_.steps.epoch.at(rank, step)}};
    for (const QuantitySpan& span : phase_spans(run_.steps, rank, step))
      out_.span({rank, kComputeLane}, shown_name(span.phase), "phase", span.begin, span.end, arguments);
  }

  // Micro-batches through stages, where the model is split.
  void add_passes(std::int64_t step) {
    const StageTable& table = run_.stages;
    for (const std::size_t row : passes_.of(step)) {
      const std::int64_t rank = table.rank[row];
      if (rank < 0 || rank >= run_.steps.ranks()) continue;
      const double begin = table.start[row], end = std::max(begin, table.end[row]);
      RankLanes& lanes = pass_lanes_[static_cast<std::size_t>(rank)];
      const RankLanes::Taken taken = lanes.take(begin, end);
      const TraceLane lane{rank, kFirstPassLane + taken.lane};
      if (taken.fresh) out_.name(lane, "micro-batches" + numbered(taken.lane));
      out_.span(
          lane,
          fmt::format("{} {}", table.direction[row] == 0 ? "forward" : "backward", table.micro_batch[row]),
          "pass", begin, end,
          {{"step", step}, {"stage", table.stage[row]}, {"micro_batch", table.micro_batch[row]}});
    }
  }

  void queue(const Collective& collective) {
    const std::size_t parts = collective.rows.size();
    for (std::size_t i = 0; i < parts; ++i) {
      const char flow = i == 0 ? 's' : i + 1 == parts ? 'f' : 't';
      queue_.push_back({collective.rows[i], collective.transfer, parts > 1 ? flow : char{0}});
    }
  }

  // In order of their begin, so that lanes are taken in the order of time.
  void add_collectives() {
    std::stable_sort(queue_.begin(), queue_.end(), [&](const Part& a, const Part& b) {
      return run_.comm.start[a.row] < run_.comm.start[b.row];
    });
    for (const Part& part : queue_) add_part(part);
    queue_.clear();
  }

  void add_part(const Part& part) {
    const CommTable& comm = run_.comm;
    const std::int64_t rank = comm.rank[part.row];
    const double begin = comm.start[part.row], end = std::max(begin, comm.end[part.row]);
    const RankLanes::Taken taken = lanes_[static_cast<std::size_t>(rank)].take(begin, end);
    const TraceLane lane{rank, kFirstCommLane + 2 * taken.lane}, waits{rank, lane.thread + 1};
    if (taken.fresh) {
      out_.name(lane, "communication" + numbered(taken.lane));
      out_.name(waits, "waiting" + numbered(taken.lane));
    }
    const Json arguments = {{"step", comm.step[part.row]},
                            {"sequence", comm.sequence[part.row]},
                            {"bucket", comm.bucket[part.row]},
                            {"bytes", comm.bytes[part.row]}};
    out_.span(lane, comm.kind[part.row], "communication", begin, end, arguments);
    const double wait = part.transfer > 0 ? end - begin - part.transfer : 0;
    if (wait > 0) out_.span(waits, "waiting for the last rank", "wait", begin, begin + wait, arguments);
    if (part.flow) out_.flow(lane, part.flow, comm.sequence[part.row], begin);
  }

  // The second lane of a kind has the number 2.
  static std::string numbered(std::int64_t lane) { return lane == 0 ? "" : fmt::format(" {}", lane + 1); }

  const RunData& run_;
  StepWindow window_;
  StepCollectives collectives_;
  RowsByStep passes_;
  TraceEvents out_;
  std::vector<RankLanes> lanes_, pass_lanes_;
  std::vector<Part> queue_;
};

}  // namespace

StepWindow median_window(const StepTable& steps, std::int64_t warmup) {
  std::vector<double> walls;
  for (std::int64_t s = warmup; s < steps.steps(); ++s) walls.push_back(steps.wall.at(0, s));
  const std::int64_t step = warmup + place_of_median(walls);
  const std::int64_t first = std::clamp<std::int64_t>(
      step - kWindowSteps / 2, 0, std::max<std::int64_t>(0, steps.steps() - kWindowSteps));
  return {first, std::min(first + kWindowSteps, steps.steps())};
}

void write_trace(std::ostream& out, const RunData& run, StepWindow window) {
  window.first = std::clamp<std::int64_t>(window.first, 0, run.steps.steps());
  window.last = std::clamp(window.last, window.first, run.steps.steps());
  const Json about = {{"run", run.header.uuid},
                      {"mode", run.header.mode},
                      {"steps", fmt::format("{}:{}", window.first, window.last)}};
  out << R"({"displayTimeUnit":"ms","otherData":)" << json_line(about) << R"(,"traceEvents":[)";
  if (window.first < window.last) RunTrace(out, run, window).write();
  out << "\n]}\n";
}

}  // namespace lockstep
