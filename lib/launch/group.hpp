// Group: all or some ranks of the run, and the control plane between them: small host messages outside the
// timed steps. Gradients and activations travel through Communicator instead.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace lockstep {

class FlightRecorder;

class Group {
 public:
  virtual ~Group() = default;
  Group() = default;
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  virtual int rank() const = 0;  // within the group
  virtual int size() const = 0;

  // Collective: all ranks of the group.
  virtual std::vector<std::string> gather(
      const std::string& bytes) = 0;  // rank 0: one entry a rank; else empty
  virtual std::vector<std::string> all_gather(const std::string& bytes) = 0;
  virtual std::string broadcast(const std::string& bytes) = 0;  // rank 0's
  virtual void barrier() = 0;
  // The ranks that gave the same color (>= 0), in the order they have here. Must not outlive the World.
  virtual std::unique_ptr<Group> split(int color) = 0;

  // What this process tells the watchdog of what it is at; lives as long as the World.
  virtual FlightRecorder& flight() = 0;
};

}  // namespace lockstep
