#include "data/sampler.hpp"

#include <algorithm>
#include <numeric>

#include "base/error.hpp"
#include "base/random.hpp"

namespace lockstep {

namespace {

constexpr std::uint64_t kOrderPurpose = 0x6f72646572;  // "order"

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
  if (plan.shuffle) return;
  order_.resize(static_cast<std::size_t>(plan.dataset_size));
  std::iota(order_.begin(), order_.end(), 0);
}

void Sampler::begin_epoch(std::int64_t epoch) {
  if (!plan_.shuffle) return;
  order_ = random_permutation(plan_.dataset_size,
                              RandomStream({plan_.seed, kOrderPurpose, static_cast<std::uint64_t>(epoch)}));
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
  if (mine.size() > 0) return {span(mine), 0, whole.size(), mine.begin - whole.begin};
  const std::int64_t stand_in = part.size() > 0 ? part.begin : whole.begin;
  return {span({stand_in, stand_in + 1}), 1, whole.size(), stand_in - whole.begin};
}

}  // namespace lockstep
