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
  read_ = events_ = 0;
  begun_ = resolved_ = 0;
  begins_ = ended_ = false;
  ended_replay_ = {};
  last_ = {};
  host_began_ = false;
  counts_ = {};
  epoch_began_ = steady_now();
}

void StepRecorder::add(Mark mark) {
  while (timeline_ && marks_.size() - read_ >= slots()) resolve_one();
  mark.begins_step = std::exchange(begins_, false);
  if (mark.source == Source::replay)
    ++(mark.carried ? counts_.carried : counts_.replayed);
  else if (mark.source == Source::event || !timeline_)
    ++counts_.made;
  marks_.push_back(mark);
}

void StepRecorder::mark_event(Phase phase) {
  const std::size_t slot = events_++ % slots();
  add({phase, false, Source::event, slot, 0, nullptr, {}});
  timeline_->mark(slot);
}

// The end of a replayed step is its own mark, and also the beginning of what follows.
void StepRecorder::mark(Phase phase) {
  const Replay before = std::exchange(ended_replay_, {});
  if (before.marks)
    add({phase, false, Source::replay, before.end, before.number, before.marks, {}, /*carried=*/true});
  else if (timeline_)
    mark_event(phase);
  else
    add({phase, false, Source::clock, 0, 0, nullptr, steady_now()});
  poll();
}

void StepRecorder::enter_on_host(Phase phase) {
  tell(phase);
  add({phase, false, Source::clock, 0, 0, nullptr, steady_now()});
}

std::vector<StepRecorder::CapturedPhase> StepRecorder::end_capture() {
  capture_ = {};
  offer_ = {};
  return std::exchange(captured_, {});
}

MarkOffer& StepRecorder::offer_mark() {
  offer_ = capture_.place ? MarkOffer(capture_.place(captured_.size())) : MarkOffer();
  return offer_;
}

DeviceMark StepRecorder::enter_with_kernel(Phase phase) {
  const DeviceMark mark = offer_mark().take();
  enter(phase);
  return mark;
}

void StepRecorder::enter_replayed(const std::vector<CapturedPhase>& phases, ReplayMarks& marks,
                                  std::int64_t replay) {
  for (std::size_t i = 0; i < phases.size(); ++i)
    add({phases[i].phase, false, Source::replay, i, replay, &marks, {}, phases[i].carried});
  ended_replay_ = {&marks, replay, phases.size()};
}

bool StepRecorder::reached(const Mark& mark) {
  if (mark.source == Source::event) return timeline_->reached(mark.slot);
  return mark.source == Source::clock || mark.marks->reached(mark.replay, mark.slot);
}

void StepRecorder::poll() {
  while (read_ < marks_.size() && reached(marks_[read_])) resolve_one();
}

void StepRecorder::settle() {
  while (read_ < marks_.size()) resolve_one();
}

void StepRecorder::resolve_one() {
  Mark& mark = marks_[read_];
  if (mark.source == Source::event) mark.time = timeline_->time_of(mark.slot);
  if (mark.source == Source::replay)
    mark.time = timeline_->time_of_stamp(mark.marks->stamp(mark.replay, mark.slot));
  mark.time = std::max(mark.time, last_);
  if (mark.source == Source::clock && timeline_) {
    host_began_ = true;
  } else {
    last_ = mark.time;
    // Where the two clocks are not quite one, the device is right.
    if (std::exchange(host_began_, false)) marks_[read_ - 1].time = std::min(marks_[read_ - 1].time, last_);
  }
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
  if (capture_.mark) {
    const bool carried = std::exchange(offer_, {}).taken();
    if (!carried) capture_.mark(captured_.size());
    captured_.push_back({phase, carried});
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

double StepRecorder::time_step() {
  exclude_gap();
  settle();
  const auto first =
      std::find_if(marks_.rbegin(), marks_.rend(), [](const Mark& mark) { return mark.begins_step; });
  return seconds_between(first->time, marks_.back().time);
}

std::vector<StepSpans> StepRecorder::take_epoch() {
  close_step();
  settle();
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
