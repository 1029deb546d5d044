// StepRecorder: when each phase of each step began, on the host clock or on the device's timeline. One
// writer; costs one clock reading (CPU) or one event (GPU) a phase; never synchronises, allocates or logs
// while a step runs. On a device the end of a step is the begin of the next, and the begin of a step that of
// its first phase: one mark each.
//
// A step that was captured and is replayed marks its phases itself: begin_capture() ... end_capture() around
// the capture, and enter_replayed() right before each launch.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "timing/activity.hpp"
#include "timing/clock.hpp"
#include "timing/intervals.hpp"
#include "timing/phase.hpp"
#include "timing/slowdown.hpp"

namespace lockstep {

// Marks on a device's timeline, in the order of its stream. Slots are reused in turn: at most `slots` marks
// are open.
class DeviceTimeline {
 public:
  virtual ~DeviceTimeline() = default;
  virtual void mark(std::size_t slot) = 0;           // enqueue on the current stream
  virtual bool reached(std::size_t slot) = 0;        // without blocking
  virtual void wait(std::size_t slot) = 0;           // blocks until reached
  virtual SteadyTime time_of(std::size_t slot) = 0;  // blocks until reached; on the host's clock
  // While the current stream is captured: puts mark number `index` of the captured step into it.
  virtual void capture_mark(std::size_t index) = 0;
  // What a captured mark records when it is replayed for this slot, or in whose place it does so: an event.
  virtual void* event_of(std::size_t slot) = 0;
  virtual void* captured_event(std::size_t index) = 0;
};

struct PhaseSpan {
  Phase phase;
  Interval interval;  // seconds since the origin
};

struct StepSpans {
  Interval
      whole;  // from its begin to the next step's begin (the last one, or before an excluded gap: to its end)
  std::vector<PhaseSpan> phases;
};

class StepRecorder {
 public:
  // timeline: null for the host's clock. phases_per_step: an upper bound of enter() calls, used to allocate
  // once.
  StepRecorder(SteadyTime origin, std::size_t phases_per_step, DeviceTimeline* timeline = nullptr);

  // Marks kept open on the device before they are read: this many steps.
  static constexpr std::size_t kStepsInFlight = 4;
  static std::size_t timeline_slots(std::size_t phases_per_step) {
    return (phases_per_step + 2) * kStepsInFlight;
  }

  // Slows the phases that are recorded from now on; it outlives the recorder. null: not.
  void set_slowdown(Slowdown* slowdown) { slowdown_ = slowdown; }
  // Tells it each phase as it is entered; it outlives the recorder. null: nobody is told.
  void set_activity(Activity* activity) { activity_ = activity; }

  void begin_epoch(std::int64_t steps);  // allocates
  void begin_step();
  void enter(Phase phase);  // ends the phase before
  void end_step();

  // Between the two, phases that are entered become marks of the captured step; nothing is recorded. Returns
  // them in order. Only between steps, on a device.
  void begin_capture() { captured_.emplace(); }
  std::vector<Phase> end_capture() { return *std::exchange(captured_, std::nullopt); }
  // The phases of a captured step that is launched right after this call, before any other. Calls
  // set_event(i, event): its mark i is to record this event (DeviceTimeline::event_of).
  template <typename SetEvent>
  void enter_replayed(const std::vector<Phase>& phases, const SetEvent& set_event) {
    for (std::size_t i = 0; i < phases.size(); ++i) set_event(i, timeline_->event_of(open(phases[i], true)));
  }

  // After end_step: what follows, until the next begin_step, belongs to no step (bucket rebuild).
  void exclude_gap();
  // Marks made by the host, and by replayed steps, in this epoch.
  struct Counts {
    std::int64_t by_host = 0, replayed = 0;
  };
  Counts counts() const { return counts_; }
  std::int64_t begun_steps() const { return begun_; }
  // Steps whose marks have all been read: what they computed is complete on the device as well.
  std::int64_t resolved_steps() const { return resolved_; }

  // After the last step: reads what is still open (may block) and returns all steps of the epoch.
  std::vector<StepSpans> take_epoch();

  SteadyTime epoch_began() const { return epoch_began_; }  // on the host's clock

 private:
  struct Mark {
    Phase phase;
    bool begins_step, replayed;
    SteadyTime time;
  };
  std::size_t slots() const { return timeline_slots(phases_per_step_); }
  void tell(Phase phase);
  void mark(Phase phase);
  std::size_t open(Phase phase, bool replayed);  // a mark on the device that is about to be made; its slot
  void close_step();                             // the end mark of a step that none follows at once
  std::size_t witness(std::size_t mark) const;
  void resolve_one();

  SteadyTime origin_;
  SteadyTime epoch_began_{};
  std::size_t phases_per_step_;
  DeviceTimeline* timeline_;
  Slowdown* slowdown_ = nullptr;
  Activity* activity_ = nullptr;
  std::vector<Mark> marks_;        // of the epoch
  std::vector<std::size_t> gaps_;  // indices of the marks after which nothing is measured; few
  std::size_t read_ = 0;           // marks whose device time has been read
  std::int64_t begun_ = 0, resolved_ = 0;
  bool begins_ = false;  // the next mark begins a step
  bool ended_ = false;   // on a device: a step has ended whose end is not marked yet
  Counts counts_;
  std::optional<std::vector<Phase>> captured_;
};

// Seconds that recording one phase costs the host, or the device where that is more, measured now on a
// recorder of this kind.
double measure_mark_cost(DeviceTimeline* timeline);

}  // namespace lockstep
