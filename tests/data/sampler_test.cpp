// The sampler's promises: every sample once, an order that knows nothing of ranks, shares that differ by at
// most one.
#include "data/sampler.hpp"

#include <algorithm>
#include <map>
#include <numeric>

#include "base/error.hpp"
#include "support/catch.hpp"

using namespace lockstep;

namespace {

BatchPlan plan_of(std::int64_t n, std::int64_t batch, int ranks, std::int64_t accumulate = 1) {
  BatchPlan plan;
  plan.dataset_size = n;
  plan.global_batch = batch;
  plan.ranks = ranks;
  plan.accumulate = accumulate;
  plan.seed = 5;
  return plan;
}

// The real samples of a global step, part by part and rank by rank.
std::vector<std::int64_t> step_ids(const Sampler& sampler, std::int64_t step) {
  std::vector<std::int64_t> ids;
  for (std::int64_t micro = 0; micro < sampler.plan().accumulate; ++micro)
    for (int rank = 0; rank < sampler.plan().ranks; ++rank) {
      const Share share = sampler.share(step, micro, rank);
      ids.insert(ids.end(), share.ids.begin(), share.ids.end() - share.padding);
    }
  return ids;
}

}  // namespace

TEST_CASE("every sample is drawn once an epoch, in an order that the ranks do not change") {
  for (const std::int64_t n : {1, 7, 64, 1000})
    for (const std::int64_t batch : {1, 6, 64})
      for (const std::int64_t accumulate : {1, 3}) {
        Sampler alone(plan_of(n, batch, 1));
        alone.begin_epoch(2);
        for (const int ranks : {1, 2, 3, 5}) {
          CAPTURE(n, batch, accumulate, ranks);
          Sampler sampler(plan_of(n, batch, ranks, accumulate));
          sampler.begin_epoch(2);
          std::vector<std::int64_t> seen;
          for (std::int64_t step = 0; step < sampler.plan().steps_per_epoch(); ++step) {
            const auto ids = step_ids(sampler, step);
            CHECK(ids == step_ids(alone, step));
            seen.insert(seen.end(), ids.begin(), ids.end());
          }
          CHECK(seen == sampler.order());
          std::sort(seen.begin(), seen.end());
          std::vector<std::int64_t> all(static_cast<std::size_t>(n));
          std::iota(all.begin(), all.end(), 0);
          CHECK(seen == all);
        }
      }
}

TEST_CASE("shares of a part differ by at most one sample, and a batch holds the largest") {
  const BatchPlan plan = plan_of(103, 22, 4, 3);
  Sampler sampler(plan);
  sampler.begin_epoch(0);
  std::int64_t largest = 0;
  for (std::int64_t step = 0; step < plan.steps_per_epoch(); ++step)
    for (std::int64_t micro = 0; micro < plan.accumulate; ++micro) {
      std::vector<std::size_t> sizes;
      for (int rank = 0; rank < plan.ranks; ++rank)
        sizes.push_back(sampler.share(step, micro, rank).ids.size());
      const auto [low, high] = std::minmax_element(sizes.begin(), sizes.end());
      CHECK(*high - *low <= 1);
      largest = std::max(largest, static_cast<std::int64_t>(*high));
    }
  CHECK(largest == plan.largest_micro_batch());
}

TEST_CASE("a rank without samples gets one as padding, with the weight of none") {
  // The last step has one sample for three ranks and two accumulation steps.
  Sampler sampler(plan_of(7, 6, 3, 2));
  sampler.begin_epoch(0);
  std::int64_t real = 0, padding = 0;
  for (std::int64_t micro = 0; micro < 2; ++micro)
    for (int rank = 0; rank < 3; ++rank) {
      const Share share = sampler.share(1, micro, rank);
      CHECK(share.step_samples == 1);
      REQUIRE(share.ids.size() == 1);
      CHECK(share.ids[0] == sampler.order()[6]);
      real += static_cast<std::int64_t>(share.ids.size()) - share.padding;
      padding += share.padding;
    }
  CHECK(real == 1);
  CHECK(padding == 5);
  CHECK(sampler.share(0, 0, 0).step_samples == 6);
  CHECK(sampler.share(0, 0, 0).padding == 0);
}

TEST_CASE("the order follows from seed and epoch, and is the file's without shuffling") {
  BatchPlan plan = plan_of(100, 10, 1);
  Sampler first(plan), same(plan);
  plan.seed = 6;
  Sampler other(plan);
  plan.shuffle = false;
  Sampler in_order(plan);
  for (Sampler* sampler : {&first, &same, &other, &in_order}) sampler->begin_epoch(3);
  const auto epoch_three = first.order();
  CHECK(epoch_three == same.order());
  CHECK(epoch_three != other.order());
  CHECK(std::is_sorted(in_order.order().begin(), in_order.order().end()));
  first.begin_epoch(4);
  CHECK(epoch_three != first.order());
  first.begin_epoch(3);
  CHECK(epoch_three == first.order());
}

TEST_CASE("without sharding every rank gets the whole part") {
  BatchPlan plan = plan_of(20, 8, 4);
  plan.shard = false;
  Sampler sampler(plan);
  sampler.begin_epoch(0);
  CHECK(plan.largest_micro_batch() == 8);
  for (int rank = 0; rank < 4; ++rank) CHECK(sampler.share(2, 0, rank).ids.size() == 4);
}

TEST_CASE("a plan without samples, steps or ranks is refused, and so is a share that is not there") {
  CHECK_THROWS_AS(Sampler(plan_of(0, 8, 1)), Error);
  CHECK_THROWS_AS(Sampler(plan_of(8, 0, 1)), Error);
  CHECK_THROWS_AS(Sampler(plan_of(8, 8, 0)), Error);
  CHECK_THROWS_AS(Sampler(plan_of(8, 8, 1, 0)), Error);
  Sampler sampler(plan_of(10, 4, 2));
  CHECK_THROWS_AS(sampler.share(0, 0, 0), Error);
  sampler.begin_epoch(0);
  CHECK_THROWS_AS(sampler.share(3, 0, 0), Error);
  CHECK_THROWS_AS(sampler.share(0, 1, 0), Error);
  CHECK_THROWS_AS(sampler.share(0, 0, 2), Error);
}
