// Loader: fetches a rank's batches of an epoch ahead of time on its own threads, in order. Which samples a
// batch holds does not depend on the number of threads. All batches of a global step, on every rank, have
// rows of the same lengths: the data set's longest, or, with BatchPlan::lengths, the step's.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "data/dataset.hpp"
#include "data/sampler.hpp"

namespace lockstep {

struct LoadedBatch {
  at::Tensor inputs;              // Batch::used_inputs: a view into the loader's ring
  at::Tensor targets;             // Batch::used_targets
  std::vector<std::int64_t> ids;  // what was fetched, padding included: the audit's evidence
  std::int64_t padding = 0;
  std::int64_t step_samples = 0;
  std::int64_t first_sample = 0;   // as in Share
  std::int64_t step_terms = 0;     // sum of loss_terms over the real samples of the whole global step
  std::int64_t terms = 0;          // the same over this batch's
  std::int64_t tokens = 0;         // of inputs and targets of this batch's real samples
  std::int64_t padded_tokens = 0;  // the other token places of inputs and targets
};

class Loader {
 public:
  // depth: batches held ready, at least 1. pinned: page-locked memory for asynchronous copies. workers:
  // threads; with 0 next() fetches by itself. Not thread-safe: one thread calls begin_epoch and next.
  Loader(std::shared_ptr<const Dataset> dataset, const BatchPlan& plan, int rank, int workers, int depth,
         bool pinned);
  ~Loader();  // stops and joins the threads; fetches nothing more
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  // A fault for tests: from here on every fetch takes `factor` >= 1 times as long, by sleeping. Before the
  // first begin_epoch.
  void slow_down(double factor);

  // Ends the epoch before, finished or not, and starts fetching this one. Batches handed out become invalid.
  void begin_epoch(std::int64_t epoch, std::int64_t first_step = 0);
  // The next micro batch, in order: step 0 micro 0, step 0 micro 1, ... Blocks until it is ready, or fetches
  // it itself where no thread has begun to; rethrows what the fetch failed with; an error after the last one.
  // The batch stays valid until the next-but-one call. Allocates nothing once warm, that is, when each slot
  // of the ring has held a batch of that shape.
  const LoadedBatch& next();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace lockstep
