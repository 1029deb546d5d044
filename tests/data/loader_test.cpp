// The loader's promises: the sampler's batches in order, whatever the number of threads; errors arrive;
// nothing hangs.
#include "data/loader.hpp"

#include <ATen/ops/equal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "base/error.hpp"
#include "support/catch.hpp"

using namespace lockstep;

namespace {

// Sample i is the image {i, i + 0.5} of class i mod 3. Fails at a chosen sample; may be slow.
class CountingDataset final : public Dataset {
 public:
  CountingDataset(std::int64_t size, std::int64_t bad = -1, int slow_us = 0)
      : size_(size), bad_(bad), slow_us_(slow_us) {
    info_.name = "counting";
    info_.sample_shape = {1, 1, 2};
    info_.classes = 3;
  }
  const DatasetInfo& info() const override { return info_; }
  std::int64_t size() const override { return size_; }
  void fetch(std::span<const std::int64_t> ids, std::int64_t, Batch& out) const override {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (ids[i] == bad_) throw run_error("sample {} is bad", bad_);
      out.inputs.data_ptr<float>()[2 * i] = static_cast<float>(ids[i]);
      out.inputs.data_ptr<float>()[2 * i + 1] = static_cast<float>(ids[i]) + 0.5F;
      out.targets.data_ptr<std::int64_t>()[i] = ids[i] % 3;
    }
    if (slow_us_ > 0) std::this_thread::sleep_for(std::chrono::microseconds(slow_us_));
    out.size = static_cast<std::int64_t>(ids.size());
    ++fetches;
  }
  mutable std::atomic<int> fetches{0};

 private:
  DatasetInfo info_;
  std::int64_t size_, bad_;
  int slow_us_;
};

// Sample i is the tokens i + 1, i + 1, ... with as many as i mod 9, and for a target i mod 4 + 2 times i.
class PairsOfTokens final : public Dataset {
 public:
  explicit PairsOfTokens(std::int64_t size) : size_(size) {
    info_.kind = SampleKind::pairs;
    info_.sample_shape = {9};
    info_.target_shape = {6};
  }
  const DatasetInfo& info() const override { return info_; }
  std::int64_t size() const override { return size_; }
  Lengths lengths_of(std::int64_t id) const override { return {id % 9, id % 4 + 2}; }
  std::int64_t loss_terms(std::int64_t id) const override { return id % 4 + 1; }
  void fetch(std::span<const std::int64_t> ids, std::int64_t, Batch& out) const override {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      write(ids[i] + 1, lengths_of(ids[i]).input, out.lengths.input, i, out.inputs);
      write(ids[i], lengths_of(ids[i]).target, out.lengths.target, i, out.targets);
    }
    out.size = static_cast<std::int64_t>(ids.size());
  }

 private:
  static void write(std::int64_t token, std::int64_t count, std::int64_t room, std::size_t row,
                    at::Tensor& out) {
    std::int64_t* to = out.data_ptr<std::int64_t>() + row * static_cast<std::size_t>(room);
    for (std::int64_t i = 0; i < room; ++i) to[i] = i < count ? token : 0;
  }
  DatasetInfo info_;
  std::int64_t size_;
};

BatchPlan plan_of(std::int64_t n, std::int64_t batch, int ranks = 1, std::int64_t accumulate = 1) {
  BatchPlan plan;
  plan.dataset_size = n;
  plan.global_batch = batch;
  plan.ranks = ranks;
  plan.accumulate = accumulate;
  plan.seed = 9;
  return plan;
}

void check_batch(const LoadedBatch& got, const Share& expected) {
  REQUIRE(got.ids == std::vector<std::int64_t>(expected.ids.begin(), expected.ids.end()));
  CHECK(got.padding == expected.padding);
  CHECK(got.step_samples == expected.step_samples);
  const auto count = static_cast<std::int64_t>(got.ids.size());
  REQUIRE(got.inputs.sizes() == at::IntArrayRef({count, 1, 1, 2}));
  REQUIRE(got.targets.sizes() == at::IntArrayRef({count}));
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t id = got.ids[static_cast<std::size_t>(i)];
    CHECK(got.inputs.data_ptr<float>()[2 * i] == static_cast<float>(id));
    CHECK(got.targets.data_ptr<std::int64_t>()[i] == id % 3);
  }
}

}  // namespace

TEST_CASE("the batches are the sampler's, in order, for any number of threads and any depth") {
  for (const int workers : {0, 1, 3})
    for (const int depth : {1, 2, 5}) {
      CAPTURE(workers, depth);
      const BatchPlan plan = plan_of(101, 20, 3, 2);
      const auto dataset = std::make_shared<CountingDataset>(101);
      Loader loader(dataset, plan, 2, workers, depth, false);
      Sampler sampler(plan);
      for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
        loader.begin_epoch(epoch);
        sampler.begin_epoch(epoch);
        for (std::int64_t step = 0; step < plan.steps_per_epoch(); ++step)
          for (std::int64_t micro = 0; micro < 2; ++micro)
            check_batch(loader.next(), sampler.share(step, micro, 2));
        CHECK_THROWS_AS(loader.next(), Error);
      }
      CHECK(dataset->fetches == 3 * 6 * 2);
    }
}

TEST_CASE("an epoch may begin in its middle, and end early") {
  const BatchPlan plan = plan_of(100, 10);
  Loader loader(std::make_shared<CountingDataset>(100, -1, 200), plan, 0, 2, 4, false);
  Sampler sampler(plan);
  loader.begin_epoch(0);
  loader.next();
  loader.begin_epoch(7, 6);
  sampler.begin_epoch(7);
  for (std::int64_t step = 6; step < 10; ++step) check_batch(loader.next(), sampler.share(step, 0, 0));
}

TEST_CASE("a slow loader takes its factor longer") {
  const BatchPlan plan = plan_of(40, 10);
  const auto seconds_of = [&](double factor) {
    Loader loader(std::make_shared<CountingDataset>(40, -1, 2000), plan, 0, 1, 1, false);
    loader.slow_down(factor);
    const auto begin = std::chrono::steady_clock::now();
    loader.begin_epoch(0);
    for (std::int64_t step = 0; step < 4; ++step) loader.next();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  const double usual = seconds_of(1);
  CHECK(usual >= 8e-3);
  CHECK(seconds_of(10) >= 80e-3);
}

TEST_CASE("a batch stays valid until the next-but-one call") {
  const BatchPlan plan = plan_of(400, 4);
  Loader loader(std::make_shared<CountingDataset>(400), plan, 0, 2, 1, false);
  Sampler sampler(plan);
  loader.begin_epoch(0);
  sampler.begin_epoch(0);
  const LoadedBatch* before = &loader.next();
  for (std::int64_t step = 1; step < plan.steps_per_epoch(); ++step) {
    const LoadedBatch* now = &loader.next();
    std::this_thread::yield();
    check_batch(*before, sampler.share(step - 1, 0, 0));
    check_batch(*now, sampler.share(step, 0, 0));
    before = now;
  }
}

TEST_CASE("tensors of a warm ring are reused") {
  Loader loader(std::make_shared<CountingDataset>(40), plan_of(40, 8), 0, 1, 1, false);
  std::vector<const void*> impls;
  for (std::int64_t epoch = 0; epoch < 4; ++epoch) {
    loader.begin_epoch(epoch);
    for (int i = 0; i < 5; ++i) {
      const void* impl = loader.next().inputs.unsafeGetTensorImpl();
      if (std::find(impls.begin(), impls.end(), impl) == impls.end()) impls.push_back(impl);
    }
  }
  CHECK(impls.size() == 3);  // one a slot of the ring
}

TEST_CASE("a fetch that fails is rethrown where its batch is asked for, and the loader ends") {
  for (const int workers : {0, 2}) {
    BatchPlan plan = plan_of(40, 4);
    plan.shuffle = false;
    Loader loader(std::make_shared<CountingDataset>(40, 9), plan, 0, workers, 3, false);
    loader.begin_epoch(0);
    CHECK_NOTHROW(loader.next());
    CHECK_NOTHROW(loader.next());
    CHECK_THROWS_WITH(loader.next(), "sample 9 is bad");
    CHECK_NOTHROW(loader.next());
  }
}

TEST_CASE("a loader that is never read, or left in mid-epoch, stops at once") {
  for (int round = 0; round < 20; ++round) {
    Loader loader(std::make_shared<CountingDataset>(1000, -1, 50), plan_of(1000, 10), 0, 2, 3, false);
    if (round % 2 == 0) loader.begin_epoch(0);
    if (round % 4 == 0) loader.next();
  }
}

TEST_CASE("fewer rows than the batch make one short step") {
  Loader loader(std::make_shared<CountingDataset>(3), plan_of(3, 64), 0, 1, 2, false);
  loader.begin_epoch(0);
  CHECK(loader.next().inputs.size(0) == 3);
  CHECK_THROWS_AS(loader.next(), Error);
}

TEST_CASE("a plan for another data set is refused") {
  CHECK_THROWS_AS(Loader(std::make_shared<CountingDataset>(3), plan_of(4, 1), 0, 1, 2, false), Error);
}

TEST_CASE("rows are as long as the global step's longest sample, the same on every rank") {
  const auto dataset = std::make_shared<PairsOfTokens>(203);
  for (const bool by_length : {false, true})
    for (const int workers : {0, 2}) {
      CAPTURE(by_length, workers);
      BatchPlan plan = plan_of(203, 24, 3, 2);
      if (by_length) plan.lengths = dataset->batching_lengths();
      std::vector<std::unique_ptr<Loader>> loaders;
      for (int rank = 0; rank < 3; ++rank) {
        loaders.push_back(std::make_unique<Loader>(dataset, plan, rank, workers, 3, false));
        loaders.back()->begin_epoch(2);
      }
      Sampler sampler(plan);
      sampler.begin_epoch(2);
      for (std::int64_t step = 0; step < plan.steps_per_epoch(); ++step) {
        Lengths longest{by_length ? 1 : 9, by_length ? 0 : 6};
        std::int64_t terms = 0, seen_terms = 0;
        for (const std::int64_t id : sampler.share(step, 0, 0).step_ids) {
          longest.input = std::max(longest.input, id % 9);
          longest.target = std::max(longest.target, id % 4 + 2);
          terms += id % 4 + 1;
        }
        for (int micro = 0; micro < 2; ++micro)
          for (int rank = 0; rank < 3; ++rank) {
            const LoadedBatch& got = loaders[static_cast<std::size_t>(rank)]->next();
            const auto rows = static_cast<std::int64_t>(got.ids.size());
            REQUIRE(got.inputs.sizes() == at::IntArrayRef({rows, longest.input}));
            REQUIRE(got.targets.sizes() == at::IntArrayRef({rows, longest.target}));
            CHECK(got.inputs.is_contiguous());
            CHECK(got.step_terms == terms);
            CHECK(got.tokens + got.padded_tokens == rows * (longest.input + longest.target));
            std::int64_t tokens = 0;
            for (std::int64_t row = 0; row < rows; ++row) {
              const std::int64_t id = got.ids[static_cast<std::size_t>(row)];
              const auto* inputs = got.inputs.data_ptr<std::int64_t>() + row * longest.input;
              const auto* targets = got.targets.data_ptr<std::int64_t>() + row * longest.target;
              CHECK(std::count(inputs, inputs + longest.input, id + 1) == id % 9);
              CHECK((id == 0 || std::count(targets, targets + longest.target, id) == id % 4 + 2));
              tokens += id % 9 + id % 4 + 2;
            }
            CHECK(got.tokens == (got.padding > 0 ? 0 : tokens));
            seen_terms += got.terms;
          }
        CHECK(seen_terms == terms);
      }
    }
}

TEST_CASE("views of trimmed batches are reused, one for each shape and slot") {
  const auto dataset = std::make_shared<PairsOfTokens>(36 * 4);
  BatchPlan plan = plan_of(36 * 4, 12);
  plan.lengths = dataset->batching_lengths();
  Loader loader(dataset, plan, 0, 0, 1, false);
  std::vector<const void*> warm, again;
  for (std::int64_t epoch = 0; epoch < 60; ++epoch) {
    loader.begin_epoch(epoch);
    for (int i = 0; i < 12; ++i) {
      const void* impl = loader.next().inputs.unsafeGetTensorImpl();
      std::vector<const void*>& seen = epoch < 40 ? warm : again;
      if (std::find(seen.begin(), seen.end(), impl) == seen.end()) seen.push_back(impl);
    }
  }
  CHECK(warm.size() <= 3 * 9);
  for (const void* impl : again) CHECK(std::find(warm.begin(), warm.end(), impl) != warm.end());
}
