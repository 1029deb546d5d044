#include "timing/recorder.hpp"

#include <algorithm>

namespace lockstep {

const char* name_of(Phase phase) {
  constexpr const char* kNames[kPhases] = {"data", "h2d",       "forward", "backward",
                                           "wait", "optimizer", "other",   "stall"};
  return kNames[static_cast<int>(phase)];
}

StepRecorder::StepRecorder(SteadyTime origin, std::size_t phases_per_step, DeviceTimeline* timeline)
    : origin_(origin), phases_per_step_(phases_per_step), timeline_(timeline) {}

void StepRecorder::begin_epoch(std::int64_t steps) {
  marks_.clear();
  gaps_.clear();
  marks_.reserve(static_cast<std::size_t>(steps) * (phases_per_step_ + 2));
  read_ = 0;
  begun_ = resolved_ = 0;
  epoch_began_ = steady_now();
}

void StepRecorder::mark(Phase phase, bool begins_step) {
  if (slowdown_) slowdown_->enter(phase);
  if (activity_) activity_->enter(phase);
  if (timeline_) {
    const std::size_t slots = timeline_slots(phases_per_step_);
    while (marks_.size() - read_ >= slots) resolve_one();
    timeline_->mark(marks_.size() % slots);
    marks_.push_back({phase, begins_step, {}});
    while (read_ < marks_.size() && timeline_->reached(read_ % slots)) resolve_one();
  } else {
    marks_.push_back({phase, begins_step, steady_now()});
    ++read_;
    if (begins_step && begun_ > 0) resolved_ = begun_;
  }
}

void StepRecorder::resolve_one() {
  Mark& mark = marks_[read_];
  mark.time = timeline_->time_of(read_ % timeline_slots(phases_per_step_));
  if (mark.begins_step && read_ > 0) ++resolved_;
  ++read_;
}

void StepRecorder::begin_step() {
  mark(Phase::other, true);
  ++begun_;
}

void StepRecorder::enter(Phase phase) { mark(phase, false); }

void StepRecorder::end_step() { mark(Phase::other, false); }

void StepRecorder::exclude_gap() { gaps_.push_back(marks_.size() - 1); }

std::vector<StepSpans> StepRecorder::take_epoch() {
  while (timeline_ && read_ < marks_.size()) resolve_one();
  resolved_ = begun_;
  std::vector<StepSpans> steps;
  steps.reserve(static_cast<std::size_t>(begun_));
  for (std::size_t m = 0; m < marks_.size(); ++m) {
    const double begin = seconds_between(origin_, marks_[m].time);
    const bool in_gap = std::find(gaps_.begin(), gaps_.end(), m) != gaps_.end();
    const double end =
        m + 1 < marks_.size() && !in_gap ? seconds_between(origin_, marks_[m + 1].time) : begin;
    if (marks_[m].begins_step) steps.push_back({{begin, begin}, {}});
    steps.back().phases.push_back({marks_[m].phase, {begin, end}});
    steps.back().whole.end = end;
  }
  return steps;
}

double measure_mark_cost(DeviceTimeline* timeline) {
  constexpr int kMarks = 2000;
  StepRecorder recorder(steady_now(), 8, timeline);
  recorder.begin_epoch(kMarks);
  const SteadyTime begin = steady_now();
  for (int i = 0; i < kMarks; ++i) recorder.enter(Phase::forward);
  return seconds_between(begin, steady_now()) / kMarks;
}

}  // namespace lockstep
