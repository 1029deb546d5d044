// StepRecorder: when each phase of each step began, on the host clock or on the device's timeline. One
// writer; costs one clock reading (CPU) or one event (GPU) a phase; never synchronises, allocates or logs
// while a step runs.
#pragma once

#include <cstdint>
#include <memory>
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
  virtual SteadyTime time_of(std::size_t slot) = 0;  // blocks until reached; on the host's clock
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
  // After end_step: what follows, until the next begin_step, belongs to no step (bucket rebuild).
  void exclude_gap();
  std::int64_t begun_steps() const { return begun_; }
  // Steps whose marks have all been read: what they computed is complete on the device as well.
  std::int64_t resolved_steps() const { return resolved_; }

  // After the last step: reads what is still open (may block) and returns all steps of the epoch.
  std::vector<StepSpans> take_epoch();

  SteadyTime epoch_began() const { return epoch_began_; }  // on the host's clock

 private:
  struct Mark {
    Phase phase;
    bool begins_step;
    SteadyTime time;
  };
  void mark(Phase phase, bool begins_step);
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
};

// Seconds that recording one phase costs, measured now on a recorder of this kind.
double measure_mark_cost(DeviceTimeline* timeline);

}  // namespace lockstep
