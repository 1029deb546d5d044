// World: who this process is among the ranks of the run, and the control plane between them: small host
// messages outside the timed steps. Gradients travel through Communicator instead.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace lockstep {

// Why a run ends before its time; handed to the emergency handler on the watchdog's thread.
struct Emergency {
  enum class Reason { signal, lost_rank, error } reason;
  std::string message;  // one line
};

class World {
 public:
  virtual ~World() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  virtual int local_rank() const = 0;  // among the ranks of this node
  virtual int local_size() const = 0;
  virtual int nodes() const = 0;
  virtual std::string library() const = 0;  // "Open MPI v4.1.4 ...", or "none"
  virtual std::string thread_level() const = 0;

  // Collective: all ranks.
  virtual std::vector<std::string> gather(
      const std::string& bytes) = 0;  // rank 0: one entry a rank; else empty
  virtual std::vector<std::string> all_gather(const std::string& bytes) = 0;
  virtual std::string broadcast(const std::string& bytes) = 0;  // rank 0's
  virtual void barrier() = 0;
  // Measures each rank's steady clock against rank 0's by ping-pong. Collective. seconds.
  struct ClockOffset {
    double offset = 0, error = 0;
  };
  virtual ClockOffset measure_clock_offset() = 0;

  // Called once, on the watchdog's thread, when a signal arrives or a rank is lost, before the process ends.
  // It must be short, must not communicate, and may run while the main thread is anywhere (lock what it
  // shares). An empty function removes it.
  virtual void on_emergency(std::function<void(const Emergency&)> handler) = 0;
};

}  // namespace lockstep
