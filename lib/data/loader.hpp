// Loader: fetches a rank's batches of an epoch ahead of time on its own threads, in order.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "data/dataset.hpp"
#include "data/sampler.hpp"

namespace lockstep {

struct LoadedBatch {
  at::Tensor inputs;    // narrowed to the batch; a view into the loader's ring
  at::Tensor targets;
  std::vector<std::int64_t> ids;  // what was fetched, padding included: the audit's evidence
  std::int64_t padding = 0;
  std::int64_t step_samples = 0;
};

class Loader {
 public:
  // depth: batches held ready. pinned: page-locked memory for asynchronous copies.
  Loader(std::shared_ptr<const Dataset> dataset, const BatchPlan& plan, int rank, int workers, int depth, bool pinned);
  ~Loader();  // stops and joins the threads; fetches nothing more
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  void begin_epoch(std::int64_t epoch, std::int64_t first_step = 0);
  // The next micro batch, in order: step 0 micro 0, step 0 micro 1, ... Blocks until it is ready; rethrows what the
  // fetch failed with. The batch stays valid until the next-but-one call. Allocates nothing once warm.
  const LoadedBatch& next();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace lockstep
