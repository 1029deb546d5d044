// The loader's promises: the sampler's batches in order, whatever the number of threads; errors arrive;
// nothing hangs.
#include "data/loader.hpp"

#include <ATen/ops/equal.h>

#include <atomic>
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
