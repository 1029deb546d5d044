// Why a run ends, from what rank 0 has seen. One fault has many symptoms (after a rank is killed, mpirun
// signals the others and their collectives fail), and only the cause is reported. Pure.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "launch/world.hpp"

namespace lockstep {

struct Verdict {
  Emergency emergency;
  ExitCode code = ExitCode::failed;
  bool own_error = false;  // rank 0's body has thrown it, and so knows
  std::string line;        // for stderr, without the program's name
};

class FaultArbiter {
 public:
  // hosts: of every rank.
  explicit FaultArbiter(std::vector<std::string> hosts);

  void error(int rank, ExitCode code, const std::string& message);
  void signalled(int rank, int signal);
  // line: StallDetector's.
  void stalled(const std::string& line) { stall_ = line; }
  void said_bye(int rank) { reported_.insert(rank); }
  // The connection of rank has closed. A fault unless the rank had given a reason before.
  void closed(int rank);

  bool failed() const { return !errors_.empty() || !lost_.empty() || !stall_.empty(); }
  bool lost(int rank) const { return lost_.contains(rank); }
  bool any_fault() const { return failed() || signal_ != 0; }
  // Nothing more can come: every rank has given its reason, or is lost.
  bool complete() const { return reported_.size() + lost_.size() == hosts_.size(); }
  // A lost rank before an error before a stalled rank before a signal; rank 0's error before the others'.
  Verdict verdict() const;

 private:
  struct RankError {
    int rank;
    ExitCode code;
    std::string message;
  };
  Verdict error_verdict() const;
  std::vector<std::string> hosts_;
  std::set<int> reported_, lost_;
  std::vector<RankError> errors_;
  std::string stall_;
  int signal_ = 0;
};

// "SIGINT", "SIGTERM", "signal 7"
std::string signal_name(int signal);

}  // namespace lockstep
