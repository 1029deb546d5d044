#include "data/sampler.hpp"

#include <algorithm>
#include <numeric>

#include "base/error.hpp"
#include "base/random.hpp"

namespace lockstep {

namespace {

constexpr std::uint64_t kOrderPurpose = 0x6f72646572;  // "order"
constexpr std::uint64_t kBatchPurpose = 0x6261746368;  // "batch"
// Global batches whose samples are sorted by length together: enough that those of a batch are alike, few
// enough that the batches of two epochs are not the same.
constexpr std::int64_t kPool = 64;

struct Range {
  std::int64_t begin, end;
  std::int64_t size() const { return end - begin; }
};

// The index-th of `count` consecutive parts whose sizes differ by at most one.
Range cut(Range whole, std::int64_t index, std::int64_t count) {
  return {whole.begin + whole.size() * index / count, whole.begin + whole.size() * (index + 1) / count};
}

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

}  // namespace

std::int64_t BatchPlan::steps_per_epoch() const { return ceil_div(dataset_size, global_batch); }

std::int64_t BatchPlan::largest_micro_batch() const {
  const std::int64_t part = ceil_div(std::min(global_batch, dataset_size), accumulate);
  return shard ? ceil_div(part, ranks) : part;
}

Sampler::Sampler(const BatchPlan& plan) : plan_(plan) {
  if (plan.dataset_size < 1)
    throw run_error("a sampler needs at least one sample, not {}", plan.dataset_size);
  if (plan.global_batch < 1) throw run_error("the global batch must be positive, not {}", plan.global_batch);
  if (plan.accumulate < 1) throw run_error("accumulate must be positive, not {}", plan.accumulate);
  if (plan.ranks < 1) throw run_error("the number of ranks must be positive, not {}", plan.ranks);
  if (plan.lengths && static_cast<std::int64_t>(plan.lengths->size()) != plan.dataset_size)
    throw run_error("the batch plan has {} lengths for {} samples", plan.lengths->size(), plan.dataset_size);
  if (plan.shuffle) return;
  order_.resize(static_cast<std::size_t>(plan.dataset_size));
  std::iota(order_.begin(), order_.end(), 0);
}

void Sampler::begin_epoch(std::int64_t epoch) {
  if (!plan_.shuffle) return;
  order_ = random_permutation(plan_.dataset_size,
                              RandomStream({plan_.seed, kOrderPurpose, static_cast<std::uint64_t>(epoch)}));
  if (plan_.lengths) batch_by_length(static_cast<std::uint64_t>(epoch));
}

// Of the shuffled order: sorts each pool by length, cuts it into batches, and shuffles the batches and the
// samples of each. What is left over after the full batches is cut out of the last pool at a random place,
// since its end would always be the longest samples, and stays the last batch.
void Sampler::batch_by_length(std::uint64_t epoch) {
  const std::int64_t batch = plan_.global_batch, full = plan_.dataset_size / batch,
                     rest = plan_.dataset_size % batch;
  const auto place = [&](std::int64_t position) { return order_.begin() + position; };
  const auto& lengths = *plan_.lengths;
  const auto shorter = [&](std::int64_t a, std::int64_t b) {
    return lengths[static_cast<std::size_t>(a)] < lengths[static_cast<std::size_t>(b)];
  };
  const std::int64_t last_pool =
      std::max<std::int64_t>(full - 1, 0) / kPool * kPool;  // the batch it begins with
  for (std::int64_t first = 0; first <= last_pool; first += kPool)
    std::stable_sort(place(first * batch), first == last_pool ? order_.end() : place((first + kPool) * batch),
                     shorter);
  RandomStream stream({plan_.seed, kBatchPurpose, epoch});
  if (rest > 0) {
    const auto before =
        static_cast<std::int64_t>(stream.below(static_cast<std::uint64_t>(full - last_pool + 1)));
    const auto cut_out = place((last_pool + before) * batch);
    std::rotate(cut_out, cut_out + rest, order_.end());
  }
  const std::vector<std::int64_t> sorted = order_;
  const auto batches = random_permutation(full, stream);
  for (std::int64_t to = 0; to <= full; ++to) {
    const std::int64_t from = to < full ? batches[static_cast<std::size_t>(to)] : full;
    const auto within = random_permutation(
        to < full ? batch : rest,
        RandomStream({plan_.seed, kBatchPurpose, epoch, static_cast<std::uint64_t>(from)}));
    for (std::size_t i = 0; i < within.size(); ++i)
      order_[static_cast<std::size_t>(to * batch) + i] =
          sorted[static_cast<std::size_t>(from * batch + within[i])];
  }
}

Share Sampler::share(std::int64_t step, std::int64_t micro, int rank) const {
  if (order_.empty()) throw run_error("the sampler was asked for a share before its first epoch began");
  if (step < 0 || step >= plan_.steps_per_epoch() || micro < 0 || micro >= plan_.accumulate || rank < 0 ||
      rank >= plan_.ranks)
    throw run_error("no share for step {}, micro step {}, rank {}", step, micro, rank);
  const Range whole{step * plan_.global_batch, std::min((step + 1) * plan_.global_batch, plan_.dataset_size)};
  const Range part = cut(whole, micro, plan_.accumulate);
  const Range mine = plan_.shard ? cut(part, rank, plan_.ranks) : part;
  const auto span = [&](Range r) {
    return std::span(order_).subspan(static_cast<std::size_t>(r.begin), static_cast<std::size_t>(r.size()));
  };
  if (mine.size() > 0) return {span(mine), 0, whole.size(), mine.begin - whole.begin, span(whole)};
  const std::int64_t stand_in = part.size() > 0 ? part.begin : whole.begin;
  return {span({stand_in, stand_in + 1}), 1, whole.size(), stand_in - whole.begin, span(whole)};
}

}  // namespace lockstep
