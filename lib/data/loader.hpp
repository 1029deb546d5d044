// Loader: fetches a rank's batches of an epoch ahead of time on its own threads, in order. Which samples a
// batch holds does not depend on the number of threads.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "data/dataset.hpp"
#include "data/sampler.hpp"

namespace lockstep {

struct LoadedBatch {
  at::Tensor inputs;              // narrowed to the batch; a view into the loader's ring
  at::Tensor targets;             // (samples of the batch) int64
  std::vector<std::int64_t> ids;  // what was fetched, padding included: the audit's evidence
  std::int64_t padding = 0;
  std::int64_t step_samples = 0;
  std::int64_t first_sample = 0;  // as in Share
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

  // Ends the epoch before, finished or not, and starts fetching this one. Batches handed out become invalid.
  void begin_epoch(std::int64_t epoch, std::int64_t first_step = 0);
  // The next micro batch, in order: step 0 micro 0, step 0 micro 1, ... Blocks until it is ready, or fetches
  // it itself where no thread has begun to; rethrows what the fetch failed with; an error after the last one.
  // The batch stays valid until the next-but-one call. Allocates nothing once warm.
  const LoadedBatch& next();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace lockstep
