// StepAgreement: how the watchdogs of all ranks agree on the step after which they meet. Rank 0 stops every
// gate, is told which step each rank is in, and decides for the furthest, which all can reach. It has no
// thread and no socket, and is used by one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "launch/lifeline.hpp"
#include "launch/step_gate.hpp"

namespace lockstep {

class StepAgreement {
 public:
  // peer: as in WatchdogOptions: on rank 0 rank 1 is number 0; on the others number 0 is rank 0.
  using Send = std::function<void(std::size_t peer, LifelineKind kind, const std::string& text)>;
  StepAgreement(StepGate& gate, int rank, int ranks, Send send);

  // Rank 0: the run is to end after a step. The first reason counts.
  void stop(const std::string& reason);
  // Rank 0, whenever something may have changed: begins what has been asked for.
  void advance();
  // Whether the message was of this: rank 0's, or one to rank 0.
  bool hear(int from, const LifelineMessage& message);

 private:
  void begin();
  void tell_all(LifelineKind kind, const std::string& text);
  void place(int rank, std::int64_t step);
  void decide();

  StepGate& gate_;
  int rank_, ranks_;
  Send send_;
  std::optional<Meeting> wanted_;                   // rank 0
  std::vector<std::optional<std::int64_t>> steps_;  // rank 0, while it asks: by rank
};

}  // namespace lockstep
