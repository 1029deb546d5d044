// BucketLog: what several senders of gradient buckets send, as buckets of one run, which number theirs one
// after another.
#pragma once

#include <vector>

#include "parallel/work_log.hpp"
#include "results/run_data.hpp"

namespace lockstep {

class BucketLog {
 public:
  explicit BucketLog(WorkLog& log) : log_(log) {}  // which outlives it

  // sender: one of those set, or null where the Work is no gradient bucket.
  void add(const WorkPtr& work, const void* sender, int bucket);
  void set(const void* sender, const BucketTable& buckets);
  bool knows(const void* sender) const;
  // What is known of them may no longer hold, or the sender is gone. Its buckets keep their numbers until they are
  // set anew: what has been sent has them.
  void forget(const void* sender);

  bool changed() const { return changed_; }  // since table() was called last
  BucketTable table();                       // of all senders

 private:
  struct Sender {
    const void* who;
    int first = 0;  // number of its first bucket
    bool known = false;
    BucketTable buckets = {};
  };
  std::vector<Sender>::const_iterator find(const void* sender) const;
  void number();

  WorkLog& log_;
  std::vector<Sender> senders_;  // in the order in which they came
  bool changed_ = false;
};

}  // namespace lockstep
