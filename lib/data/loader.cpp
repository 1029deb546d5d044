#include "data/loader.hpp"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "base/error.hpp"
#include "timing/clock.hpp"

namespace lockstep {

namespace {

// Views of a buffer by shape: an epoch has few shapes, and making a view anew would allocate.
class Views {
 public:
  template <typename Make>
  const at::Tensor& get(std::int64_t size, std::int64_t length, Make make) {
    for (const View& view : views_)
      if (view.size == size && view.length == length) return view.tensor;
    return views_.emplace_back(size, length, make()).tensor;
  }

 private:
  struct View {
    std::int64_t size, length;
    at::Tensor tensor;
    View(std::int64_t s, std::int64_t l, at::Tensor t) : size(s), length(l), tensor(std::move(t)) {}
  };
  std::vector<View> views_;
};

// What all batches of a global step share.
struct StepFacts {
  std::int64_t step = -1;
  Lengths lengths;
  std::int64_t terms = 0;
};

// A place of the ring.
struct Slot {
  Batch batch;
  Views inputs, targets;
  StepFacts step;
  LoadedBatch loaded;
  std::exception_ptr failure;
  bool ready = false;

  void use_views() {
    loaded.inputs = inputs.get(batch.size, batch.lengths.input, [&] { return batch.used_inputs(); });
    loaded.targets = targets.get(batch.size, batch.lengths.target, [&] { return batch.used_targets(); });
  }

  void count(const Dataset& dataset) {
    loaded.terms = loaded.tokens = 0;
    const std::size_t real = loaded.ids.size() - static_cast<std::size_t>(loaded.padding);
    for (std::size_t i = 0; i < real; ++i) {
      const Lengths lengths = dataset.lengths_of(loaded.ids[i]);
      loaded.tokens += lengths.input + lengths.target;
      loaded.terms += dataset.loss_terms(loaded.ids[i]);
    }
    loaded.step_terms = step.terms;
    loaded.padded_tokens = batch.size * (batch.lengths.input + batch.lengths.target) - loaded.tokens;
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
  double slow_factor = 1;
  std::int64_t epoch = 0, last = 0;  // last: one beyond the last batch of the epoch
  std::vector<Slot> ring;            // depth + 2: the caller holds the last two
  Lengths longest;                   // of the data set
  StepFacts facts;                   // of the step that was claimed last

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
    longest = ring.front().batch.lengths;
  }

  Slot& slot_of(std::int64_t batch) { return ring[static_cast<std::size_t>(batch) % ring.size()]; }
  bool may_claim() const { return claimed < last && claimed < handed + depth; }

  // The step's micro batches are claimed one after the other, so its samples are gone through once.
  const StepFacts& facts_of(std::int64_t step) {
    if (facts.step == step) return facts;
    const bool trimmed = sampler.plan().lengths != nullptr;
    facts = {step, trimmed ? Lengths{} : longest, 0};
    for (const std::int64_t id : sampler.share(step, 0, rank).step_ids) {
      facts.terms += dataset->loss_terms(id);
      if (!trimmed) continue;
      const Lengths lengths = dataset->lengths_of(id);
      // An empty text is a row of one padding token, as no model takes rows of none.
      facts.lengths.input =
          std::max({facts.lengths.input, lengths.input, std::min<std::int64_t>(longest.input, 1)});
      facts.lengths.target = std::max(facts.lengths.target, lengths.target);
    }
    return facts;
  }

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
      slot.batch.lengths = slot.step.lengths;
      dataset->fetch(share.ids, epoch, slot.batch);
      slot.use_views();
      slot.count(*dataset);
    } catch (...) {
      slot.failure = std::current_exception();
    }
  }

  // Claims the next batch, fetches it with the lock released, and marks it ready.
  void fetch_next(std::unique_lock<std::mutex>& lock) {
    const std::int64_t number = claimed++;
    slot_of(number).ready = false;
    slot_of(number).step = facts_of(number / sampler.plan().accumulate);
    ++fetching;
    lock.unlock();
    const SteadyTime began = steady_now();
    fetch(number);
    if (slow_factor > 1)
      std::this_thread::sleep_for(
          std::chrono::duration<double>((slow_factor - 1) * seconds_between(began, steady_now())));
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

void Loader::slow_down(double factor) { impl_->slow_factor = factor; }

void Loader::begin_epoch(std::int64_t epoch, std::int64_t first_step) {
  Impl& s = *impl_;
  std::unique_lock lock(s.mutex);
  s.last = s.claimed;  // nothing of the old epoch is claimed any more
  s.ready.wait(lock, [&] { return s.fetching == 0; });
  s.sampler.begin_epoch(epoch);
  s.epoch = epoch;
  s.facts.step = -1;
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
