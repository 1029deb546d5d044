#include "analysis/import/host_timeline.hpp"

#include <algorithm>

namespace lockstep {

namespace {

// Backward passes: autograd's operators, with what lies between them, unless the program's own thread runs
// something else there.
std::vector<TraceSpan> backward_passes(const KinetoTrace& trace, std::int32_t main_thread) {
  std::vector<TraceSpan> passes;
  bool interrupted = true;
  for (const TraceOp& op : trace.ops) {
    const bool within = !passes.empty() && op.begin <= passes.back().end;
    if (!op.backward) {
      interrupted = interrupted || (op.thread == main_thread && !within);
    } else if (within || (!interrupted && !passes.empty())) {
      passes.back().end = std::max(passes.back().end, op.end);
    } else {
      passes.push_back(op);
      interrupted = false;
    }
  }
  return passes;
}

}  // namespace

HostTimeline::HostTimeline(const KinetoTrace& trace, const std::vector<TraceStep>& steps) {
  const std::int32_t main_thread = steps.empty() ? 0 : steps.front().thread;
  const std::vector<TraceSpan> passes = backward_passes(trace, main_thread);
  auto pass = passes.begin();
  for (const TraceStep& step : steps) {
    paint(step, HostPhase::forward);
    for (; pass != passes.end() && pass->begin < step.end; ++pass) {
      if (pass->begin < step.begin) continue;
      paint({pass->begin, std::min(pass->end, step.end)}, HostPhase::backward);
      const auto next = std::next(pass);
      if (next == passes.end() || next->begin >= step.end)
        paint({std::min(pass->end, step.end), step.end}, HostPhase::optimizer);
    }
  }
  if (!trace.on_device() && !trace.collectives.empty()) paint_waits(trace, passes, main_thread);
  for (const HostPhase phase :
       {HostPhase::forward, HostPhase::backward, HostPhase::optimizer, HostPhase::data})
    paint_marks(trace, phase);
}

namespace {

// Whether a collective that had begun before `end` went on after `begin`.
bool communicates(const KinetoTrace& trace, std::int64_t begin, std::int64_t end) {
  constexpr int kAtOnce = 256;  // no more are under way
  auto next = std::lower_bound(trace.collectives.begin(), trace.collectives.end(), end,
                               [](const TraceCollective& c, std::int64_t t) { return c.begin < t; });
  for (int looked = 0; next != trace.collectives.begin() && looked < kAtOnce; ++looked)
    if ((--next)->end > begin) return true;
  return false;
}

}  // namespace

void HostTimeline::paint_waits(const KinetoTrace& trace, const std::vector<TraceSpan>& passes,
                               std::int32_t main_thread) {
  auto pass = passes.begin();
  for (const TraceOp& op : trace.ops) {
    while (pass != passes.end() && op.thread == main_thread && op.begin >= pass->end) {
      if (at(pass->end) != HostPhase::none && communicates(trace, pass->end, op.begin))
        paint({pass->end, op.begin}, HostPhase::wait);
      ++pass;
    }
  }
}

void HostTimeline::paint_marks(const KinetoTrace& trace, HostPhase phase) {
  for (const TraceMark& mark : trace.marks)
    if (mark.phase == phase) paint(mark, phase);
}

void HostTimeline::paint(const TraceSpan& span, HostPhase phase) {
  if (span.end <= span.begin) return;
  const HostPhase after = at(span.end);
  const auto from = begins_.lower_bound(span.begin), to = begins_.lower_bound(span.end);
  const bool ends_there = to != begins_.end() && to->first == span.end;
  begins_.erase(from, to);
  begins_[span.begin] = phase;
  if (!ends_there) begins_[span.end] = after;
}

HostPhase HostTimeline::at(std::int64_t time) const {
  const auto next = begins_.upper_bound(time);
  return next == begins_.begin() ? HostPhase::none : std::prev(next)->second;
}

std::vector<TraceSpan> HostTimeline::spans(HostPhase phase, const TraceSpan& window) const {
  std::vector<TraceSpan> spans;
  auto change = begins_.upper_bound(window.begin);
  if (change != begins_.begin()) --change;
  for (; change != begins_.end() && change->first < window.end; ++change) {
    const auto next = std::next(change);
    const std::int64_t end = next == begins_.end() ? window.end : std::min(next->first, window.end);
    if (change->second == phase) spans.push_back({std::max(change->first, window.begin), end});
  }
  return spans;
}

}  // namespace lockstep
