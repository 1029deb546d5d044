// WorkLog: the communication of one step, for the recorder. Filled while the step runs, taken after it.
#pragma once

#include <utility>
#include <vector>

#include "comm/communicator.hpp"

namespace lockstep {

struct LoggedWork {
  WorkPtr work;
  int bucket = -1;        // -1: not a gradient bucket
  bool blocking = false;  // compute waited for all of it (a statistic that the forward pass needs)
  // Sequence numbers are unique only within a channel: a communicator, or for messages a pair of ranks.
  std::int64_t channel = 0;
};

class WorkLog {
 public:
  explicit WorkLog(std::size_t expected = 64) { works_.reserve(expected); }
  void add(WorkPtr work, int bucket, bool blocking = false) {
    works_.push_back({std::move(work), bucket, blocking, channel_});
  }
  void add_message(WorkPtr work, std::int64_t channel) {
    works_.push_back({std::move(work), -1, false, channel});
  }
  // Of the collectives that are added from now on.
  void set_channel(std::int64_t channel) { channel_ = channel; }
  const std::vector<LoggedWork>& works() const { return works_; }
  void clear() { works_.clear(); }  // keeps its memory

 private:
  std::vector<LoggedWork> works_;
  std::int64_t channel_ = 0;
};

}  // namespace lockstep
