#include "data/loader.hpp"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

#include "base/error.hpp"

namespace lockstep {

namespace {

// A place of the ring. Its views are kept by size: an epoch has few, and narrowing anew would allocate.
struct Slot {
  struct View {
    std::int64_t size;
    at::Tensor inputs, targets;
  };
  Batch batch;
  std::vector<View> views;
  LoadedBatch loaded;
  std::exception_ptr failure;
  bool ready = false;

  void narrow() {
    auto view = std::find_if(views.begin(), views.end(), [&](const View& v) { return v.size == batch.size; });
    if (view == views.end())
      view = views.insert(views.end(), {batch.size, batch.inputs.narrow(0, 0, batch.size),
                                        batch.targets.narrow(0, 0, batch.size)});
    loaded.inputs = view->inputs;
    loaded.targets = view->targets;
  }
};

}  // namespace

// Batches are numbered through the epoch. Those below `handed` were given out, those below `claimed` have a
// thread that fetches or has fetched them; batch b lies in slot b mod ring.size(). One mutex guards all of
// it; the fetch itself runs without it.
struct Loader::Impl {
  std::shared_ptr<const Dataset> dataset;
  Sampler sampler;
  int rank;
  std::int64_t depth;
  std::int64_t epoch = 0, last = 0;  // last: one beyond the last batch of the epoch
  std::vector<Slot> ring;            // depth + 2: the caller holds the last two

  std::mutex mutex;
  std::condition_variable work, ready;
  std::int64_t handed = 0, claimed = 0;
  int fetching = 0;
  bool stopping = false;
  std::vector<std::jthread> threads;

  Impl(std::shared_ptr<const Dataset> data, const BatchPlan& plan, int my_rank, std::int64_t ahead,
       bool pinned)
      : dataset(std::move(data)),
        sampler(plan),
        rank(my_rank),
        depth(ahead),
        ring(static_cast<std::size_t>(ahead) + 2) {
    for (Slot& slot : ring) {
      slot.batch = dataset->make_batch(plan.largest_micro_batch(), pinned);
      slot.loaded.ids.reserve(static_cast<std::size_t>(plan.largest_micro_batch()));
    }
  }

  Slot& slot_of(std::int64_t batch) { return ring[static_cast<std::size_t>(batch) % ring.size()]; }
  bool may_claim() const { return claimed < last && claimed < handed + depth; }

  void fetch(std::int64_t number) {
    Slot& slot = slot_of(number);
    slot.failure = nullptr;
    try {
      const std::int64_t accumulate = sampler.plan().accumulate;
      const Share share = sampler.share(number / accumulate, number % accumulate, rank);
      slot.loaded.ids.assign(share.ids.begin(), share.ids.end());
      slot.loaded.padding = share.padding;
      slot.loaded.step_samples = share.step_samples;
      slot.loaded.first_sample = share.first_sample;
      dataset->fetch(share.ids, epoch, slot.batch);
      slot.narrow();
    } catch (...) {
      slot.failure = std::current_exception();
    }
  }

  // Claims the next batch, fetches it with the lock released, and marks it ready.
  void fetch_next(std::unique_lock<std::mutex>& lock) {
    const std::int64_t number = claimed++;
    slot_of(number).ready = false;
    ++fetching;
    lock.unlock();
    fetch(number);
    lock.lock();
    slot_of(number).ready = true;
    --fetching;
  }

  void run_worker() {
    std::unique_lock lock(mutex);
    while (true) {
      work.wait(lock, [&] { return stopping || may_claim(); });
      if (stopping) return;
      fetch_next(lock);
      ready.notify_one();
    }
  }

  void stop() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    work.notify_all();
    threads.clear();
  }
};

Loader::Loader(std::shared_ptr<const Dataset> dataset, const BatchPlan& plan, int rank, int workers,
               int depth, bool pinned)
    : impl_(std::make_unique<Impl>(std::move(dataset), plan, rank, std::max(depth, 1), pinned)) {
  if (plan.dataset_size != impl_->dataset->size())
    throw run_error("the batch plan is for {} samples, but the data set has {}", plan.dataset_size,
                    impl_->dataset->size());
  for (int i = 0; i < workers; ++i) impl_->threads.emplace_back([impl = impl_.get()] { impl->run_worker(); });
}

Loader::~Loader() { impl_->stop(); }

void Loader::begin_epoch(std::int64_t epoch, std::int64_t first_step) {
  Impl& s = *impl_;
  std::unique_lock lock(s.mutex);
  s.last = s.claimed;  // nothing of the old epoch is claimed any more
  s.ready.wait(lock, [&] { return s.fetching == 0; });
  s.sampler.begin_epoch(epoch);
  s.epoch = epoch;
  s.handed = s.claimed = first_step * s.sampler.plan().accumulate;
  s.last = s.sampler.plan().steps_per_epoch() * s.sampler.plan().accumulate;
  lock.unlock();
  s.work.notify_all();
}

const LoadedBatch& Loader::next() {
  Impl& s = *impl_;
  std::unique_lock lock(s.mutex);
  if (s.handed >= s.last) throw run_error("the loader was asked for a batch beyond the end of its epoch");
  const std::int64_t number = s.handed;
  if (s.claimed == number) s.fetch_next(lock);
  Slot& slot = s.slot_of(number);
  s.ready.wait(lock, [&] { return slot.ready; });
  s.handed = number + 1;
  // A thread is woken for half a ring of work, not for every batch: on a busy core each wake-up is a switch
  // of context.
  const bool idle = s.fetching < static_cast<int>(s.threads.size());
  const bool wake = s.may_claim() && idle && 2 * (s.handed + s.depth - s.claimed) >= s.depth;
  lock.unlock();
  if (wake) s.work.notify_all();
  if (slot.failure) std::rethrow_exception(slot.failure);
  return slot.loaded;
}

}  // namespace lockstep
