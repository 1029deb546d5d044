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
  begins_ = ended_ = false;
  counts_ = {};
  epoch_began_ = steady_now();
}

std::size_t StepRecorder::open(Phase phase, bool replayed) {
  while (marks_.size() - read_ >= slots()) resolve_one();
  marks_.push_back({phase, std::exchange(begins_, false), replayed, {}});
  ++(replayed ? counts_.replayed : counts_.by_host);
  return (marks_.size() - 1) % slots();
}

void StepRecorder::mark(Phase phase) {
  if (timeline_) {
    timeline_->mark(open(phase, false));
    while (read_ < marks_.size() && timeline_->reached(witness(read_) % slots())) resolve_one();
  } else {
    const bool begins_step = std::exchange(begins_, false);
    marks_.push_back({phase, begins_step, false, steady_now()});
    ++counts_.by_host;
    ++read_;
    if (begins_step && begun_ > 0) resolved_ = begun_;
  }
}

// Whether a replayed mark has been reached is told by the next mark that the host made: until the replay is
// under way the event shows when it was recorded before.
std::size_t StepRecorder::witness(std::size_t mark) const {
  while (mark + 1 < marks_.size() && marks_[mark].replayed) ++mark;
  return mark;
}

void StepRecorder::resolve_one() {
  Mark& mark = marks_[read_];
  if (mark.replayed) timeline_->wait(witness(read_) % slots());
  mark.time = timeline_->time_of(read_ % slots());
  if (mark.begins_step && read_ > 0) ++resolved_;
  ++read_;
}

void StepRecorder::tell(Phase phase) {
  if (slowdown_) slowdown_->enter(phase);
  if (activity_) activity_->enter(phase);
}

void StepRecorder::begin_step() {
  tell(Phase::other);
  begins_ = true;
  if (timeline_)
    ended_ = false;  // the mark that begins this step ends the one before
  else
    mark(Phase::other);
  ++begun_;
}

void StepRecorder::enter(Phase phase) {
  if (captured_) {
    timeline_->capture_mark(captured_->size());
    captured_->push_back(phase);
    return;
  }
  tell(phase);
  mark(phase);
}

void StepRecorder::end_step() {
  tell(Phase::other);
  if (timeline_)
    ended_ = true;
  else
    mark(Phase::other);
}

void StepRecorder::close_step() {
  if (std::exchange(ended_, false)) mark(Phase::other);
}

void StepRecorder::exclude_gap() {
  close_step();
  gaps_.push_back(marks_.size() - 1);
}

std::vector<StepSpans> StepRecorder::take_epoch() {
  close_step();
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
