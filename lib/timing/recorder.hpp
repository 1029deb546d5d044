// StepRecorder: when each phase of each step began, on the host clock or on the device's timeline. One
// writer; costs one clock reading (CPU) or one event (GPU) a phase; never synchronises, allocates or logs
// while a step runs. On a device the end of a step is the beginning of the next, and the beginning of a step that of
// its first phase: one mark each.
//
// A step that was captured and is replayed marks its phases and its end itself: begin_capture() ...
// end_capture() around the capture, and enter_replayed() right before each launch.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "base/device_mark.hpp"
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
  virtual SteadyTime time_of(std::size_t slot) = 0;  // blocks until reached; on the host's clock
  // What the device's own timer showed, in ns, on the host's clock.
  virtual SteadyTime time_of_stamp(std::uint64_t stamp) = 0;
};

// When the replays of a captured step, counted from 0, came to its marks.
class ReplayMarks {
 public:
  virtual ~ReplayMarks() = default;
  virtual bool reached(std::int64_t replay, std::size_t mark) = 0;  // without blocking
  // Blocks until reached: what the device's timer showed, in ns. Asked once for each mark.
  virtual std::uint64_t stamp(std::int64_t replay, std::size_t mark) = 0;
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

  // On a device, in place of enter(): a phase in which nothing has been enqueued so far, that begins when the
  // host says so, or when the device comes to it if that is later; no later than what follows. One at a time.
  void enter_on_host(Phase phase);

  // How a captured step gets its mark i: by a node of its own that mark(i) enqueues, or by a kernel of the step that
  // writes place(i).
  struct Capture {
    std::function<void(std::size_t)> mark;
    std::function<DeviceMark(std::size_t)> place;
  };
  struct CapturedPhase {
    Phase phase;
    bool carried;  // its mark, by a kernel of the step
  };
  // Between the two, phases that are entered are put into the captured step; nothing is recorded. Returns them in
  // order. Only between steps, on a device.
  void begin_capture(Capture capture) { capture_ = std::move(capture); }
  std::vector<CapturedPhase> end_capture();
  // The mark of the phase that is entered next, for a kernel that is enqueued before and writes it at its end. Empty
  // outside of a capture. Valid until the next enter().
  MarkOffer& offer_mark();
  // What was offered last; the same object all the time.
  MarkOffer& offered_mark() { return offer_; }
  // enter() where the phase begins with a kernel that writes a mark at its begin: this one. Empty outside of a capture.
  DeviceMark enter_with_kernel(Phase phase);
  // The phases of a replay that is launched right after this call, before anything else. Its mark
  // phases.size() is the end of the step. marks lives until settle() or take_epoch().
  void enter_replayed(const std::vector<CapturedPhase>& phases, ReplayMarks& marks, std::int64_t replay);

  // Reads all marks that have been made; blocks until the device has come to them.
  void settle();

  // After end_step: what follows, until the next begin_step, belongs to no step (bucket rebuild).
  void exclude_gap();
  // The same, and how long the step before it took, in seconds; blocks until a device has come to its end.
  double time_step();
  // Marks in this epoch that cost something: events, or on the CPU readings of the clock; those of replayed steps that
  // are nodes of their own; and those that kernels of the step write.
  struct Counts {
    std::int64_t made = 0, replayed = 0, carried = 0;
  };
  Counts counts() const { return counts_; }
  std::int64_t begun_steps() const { return begun_; }
  // Steps whose marks have all been read: what they computed is complete on the device as well.
  std::int64_t resolved_steps() const { return resolved_; }

  // After the last step: reads what is still open (may block) and returns all steps of the epoch.
  std::vector<StepSpans> take_epoch();

  SteadyTime epoch_began() const { return epoch_began_; }  // on the host's clock

 private:
  enum class Source { clock, event, replay };
  struct Mark {
    Phase phase;
    bool begins_step;
    Source source;
    std::size_t slot;  // of an event; of a replay: which of its marks
    std::int64_t replay;
    ReplayMarks* marks;
    SteadyTime time;       // known at once of the clock, later of others
    bool carried = false;  // of a replay: by a kernel of the step
  };
  struct Replay {
    ReplayMarks* marks = nullptr;
    std::int64_t number = 0;
    std::size_t end = 0;
  };
  std::size_t slots() const { return timeline_slots(phases_per_step_); }
  void tell(Phase phase);
  void mark(Phase phase);
  void mark_event(Phase phase);
  void add(Mark mark);  // makes room first
  void close_step();    // the end mark of a step that none follows at once
  bool reached(const Mark& mark);
  void poll();
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
  SteadyTime last_{};        // time of the mark that was read last: they stay in their order
  bool host_began_ = false;  // the mark that was read last is one of enter_on_host
  std::size_t events_ = 0;   // marks that were events
  Replay ended_replay_;      // the step that has ended, if it was one
  Capture capture_;          // without functions: nothing is captured
  MarkOffer offer_;
  std::vector<CapturedPhase> captured_;
};

// Seconds that recording one phase costs the host, or the device where that is more, measured now on a
// recorder of this kind.
double measure_mark_cost(DeviceTimeline* timeline);

}  // namespace lockstep
