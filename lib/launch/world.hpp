// World: all ranks of the run, and what this process knows of its place among them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "launch/group.hpp"
#include "launch/step_gate.hpp"

namespace lockstep {

// Why a run ends before its time; handed to the emergency handler on the watchdog's thread.
struct Emergency {
  enum class Reason { signal, lost_rank, error, stalled_rank } reason;
  std::string message;                    // one line
  std::vector<std::string> details = {};  // a stalled rank: the last operations of every rank, a line each
};

class World : public Group {
 public:
  virtual int local_rank() const = 0;  // among the ranks of this node
  virtual int local_size() const = 0;
  virtual int nodes() const = 0;
  virtual std::string library() const = 0;  // "Open MPI v4.1.4 ...", or "none"
  virtual std::string thread_level() const = 0;

  // Measures each rank's steady clock against rank 0's by ping-pong. Collective. seconds.
  struct ClockOffset {
    double offset = 0, error = 0;
  };
  virtual ClockOffset measure_clock_offset() = 0;

  // Where this rank passes before each step, so that all can stop after the same one.
  virtual StepGate& gate() = 0;

  // Called once, on the watchdog's thread, when a signal arrives or a rank is lost, before the process ends.
  // It must be short, must not communicate, and may run while the main thread is anywhere (lock what it
  // shares). An empty function removes it.
  virtual void on_emergency(std::function<void(const Emergency&)> handler) = 0;
};

}  // namespace lockstep
