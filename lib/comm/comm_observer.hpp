// CommObserver: who records a run is told by those who reduce gradients what they send, and when they wait.
#pragma once

#include <utility>

#include "comm/communicator.hpp"

namespace lockstep {

struct BucketTable;  // results/run_data.hpp

// Called on whatever thread communicates, one call at a time.
class CommObserver {
 public:
  // sender: of buckets; null where what is sent is no gradient bucket, and has no number.
  virtual void sent(const WorkPtr& work, const void* sender, int bucket) = 0;
  // Between the two, compute stands still until what has been sent is there. Neither throws.
  virtual void begin_wait() noexcept = 0;
  virtual void end_wait() noexcept = 0;
  // The buckets that a sender sends from now on, until it is gone.
  virtual bool knows_buckets(const void* sender) const = 0;
  virtual void set_buckets(const void* sender, const BucketTable& buckets) = 0;
  virtual void forget_buckets(const void* sender) = 0;

 protected:
  ~CommObserver() = default;
};

// What has been sent over the communicator, told to who observes it.
inline WorkPtr observed(const Communicator& communicator, WorkPtr work, const void* sender = nullptr,
                        int bucket = -1) {
  if (communicator.observer() != nullptr) communicator.observer()->sent(work, sender, bucket);
  return work;
}

// While one lives, compute stands still.
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
