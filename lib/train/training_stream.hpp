// What training on a GPU needs of streams: one of its own, and that no batch is taken away while it is
// copied. On the CPU, and in builds without CUDA, nothing happens.
#pragma once

#include <c10/core/Device.h>

#include <memory>

namespace lockstep {

// While it lives, the calling thread works on a stream of its own, which can be captured; the device's
// default stream cannot. It is made before the model's gradient accumulators, which remember the stream that
// they were made on. What was enqueued before is waited for.
class TrainingStream {
 public:
  explicit TrainingStream(c10::Device device);
  ~TrainingStream();
  TrainingStream(const TrainingStream&) = delete;
  TrainingStream& operator=(const TrainingStream&) = delete;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The copies from a Loader's page-locked memory that the device may not have made yet. The host runs ahead of
// it, and the loader fills a batch anew two calls after it has handed it out.
class PendingCopies {
 public:
  explicit PendingCopies(c10::Device device);
  ~PendingCopies();
  PendingCopies(const PendingCopies&) = delete;
  PendingCopies& operator=(const PendingCopies&) = delete;

  // Before each call of Loader::next: waits for the copies of the batch that it takes away.
  void before_next();
  // After the copies of the batch that was handed out last, or none, have been enqueued.
  void enqueued();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace lockstep
