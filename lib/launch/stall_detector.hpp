// Which rank keeps the others waiting, from what each reports now and then. Pure: time is an argument, never
// read.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "launch/time_limit.hpp"

namespace lockstep {

// What a rank reports.
struct Pulse {
  double idle = 0;     // seconds without progress where some is expected
  bool waits = false;  // for another rank or a device
  std::string doing;   // FlightRecorder::now()
  std::string text() const;
  static Pulse parse(const std::string& text);
};

struct Stall {
  int rank = 0;
  std::string line;  // names rank, host, what it was at, and who waits for it
};

class StallDetector {
 public:
  // hosts: of every rank. limit: above 0.
  StallDetector(std::vector<std::string> hosts, TimeLimit limit);

  void heard(int rank, Pulse pulse);
  // Nothing more is expected of it: it was lost, or never reports.
  void ignore(int rank);
  // It has ended normally, as far as it knows.
  void left(int rank);
  // It is judged from now on.
  void watch(int rank);
  // So many seconds have passed in which this process itself ran.
  void advance(double seconds);
  // Somebody has stood still as long as the limit allows: a rank that is not heard of before one that works
  // on something of its own before one that waits. A rank that has left while all others wait goes before all
  // of them, and sooner: it will never come.
  std::optional<Stall> stalled() const;

 private:
  struct Seen {
    Pulse pulse;
    double silent = 0;
    bool watched = true, left = false;
  };
  const Seen& at(int rank) const { return ranks_[static_cast<std::size_t>(rank)]; }
  template <typename Measure>
  int most(const Measure& measure) const;
  std::string line_for(int rank, bool answers) const;
  std::string who_waits(int besides) const;
  std::optional<Stall> deserted() const;

  std::vector<std::string> hosts_;
  std::vector<Seen> ranks_;
  TimeLimit limit_;
};

}  // namespace lockstep
