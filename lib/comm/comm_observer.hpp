// CommObserver: how the recorder of a run learns what is sent, and when compute waits for it.
#pragma once

#include <utility>

#include "comm/communicator.hpp"

namespace lockstep {

struct BucketTable;  // results/run_data.hpp

// Called on the thread that communicates, one call at a time.
class CommObserver {
 public:
  // sender: of buckets; null where what is sent is no gradient bucket, and has no number.
  virtual void sent(const WorkPtr& work, const void* sender, int bucket) = 0;
  // Between the two, compute waits for what has been sent. Neither throws.
  virtual void begin_wait() noexcept = 0;
  virtual void end_wait() noexcept = 0;
  // The buckets that a sender sends from now on, until it is destroyed.
  virtual bool knows_buckets(const void* sender) const = 0;
  virtual void set_buckets(const void* sender, const BucketTable& buckets) = 0;
  virtual void forget_buckets(const void* sender) = 0;

 protected:
  ~CommObserver() = default;
};

// Tells the communicator's observer what has been sent.
inline WorkPtr observed(const Communicator& communicator, WorkPtr work, const void* sender = nullptr,
                        int bucket = -1) {
  if (communicator.observer() != nullptr) communicator.observer()->sent(work, sender, bucket);
  return work;
}

// While one lives, compute waits.
class ObservedWait {
 public:
  explicit ObservedWait(const Communicator& communicator) : observer_(communicator.observer()) {
    if (observer_ != nullptr) observer_->begin_wait();
  }
  ~ObservedWait() {
    if (observer_ != nullptr) observer_->end_wait();
  }
  ObservedWait(const ObservedWait&) = delete;
  ObservedWait& operator=(const ObservedWait&) = delete;

 private:
  CommObserver* observer_;
};

}  // namespace lockstep
