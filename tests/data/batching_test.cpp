// Batches of similar length: the promises of the sampler hold as before, and little is padded.
#include <algorithm>
#include <numeric>

#include "base/error.hpp"
#include "base/random.hpp"
#include "data/sampler.hpp"
#include "data/work_audit.hpp"
#include "support/catch.hpp"

using namespace lockstep;

namespace {

// Most samples short, a few long: between 1 and 256.
std::shared_ptr<const std::vector<std::int32_t>> skewed_lengths(std::int64_t n) {
  auto lengths = std::make_shared<std::vector<std::int32_t>>();
  RandomStream random({77});
  for (std::int64_t i = 0; i < n; ++i) {
    const double u = random.uniform();
    lengths->push_back(1 + static_cast<std::int32_t>(255 * u * u * u));
  }
  return lengths;
}

BatchPlan plan_of(std::int64_t n, std::int64_t batch, int ranks = 1, std::int64_t accumulate = 1) {
  return {.dataset_size = n,
          .global_batch = batch,
          .accumulate = accumulate,
          .ranks = ranks,
          .seed = 3,
          .lengths = skewed_lengths(n)};
}

// Token places that are no token, when every global batch is padded to its longest sample.
std::int64_t padded(const Sampler& sampler, const std::vector<std::int32_t>& lengths) {
  std::int64_t places = 0, tokens = 0;
  for (std::int64_t step = 0; step < sampler.plan().steps_per_epoch(); ++step) {
    std::int32_t longest = 0;
    const auto ids = sampler.share(step, 0, 0).step_ids;
    for (const std::int64_t id : ids) {
      const std::int32_t length = lengths[static_cast<std::size_t>(id)];
      longest = std::max(longest, length);
      tokens += length;
    }
    places += longest * static_cast<std::int64_t>(ids.size());
  }
  return places - tokens;
}

}  // namespace

TEST_CASE("batches of similar length pad less than a tenth of what shuffled ones do") {
  BatchPlan plan = plan_of(5000, 32);
  const auto lengths = plan.lengths;
  Sampler similar(plan);
  plan.lengths = nullptr;
  Sampler shuffled(plan);
  similar.begin_epoch(1);
  shuffled.begin_epoch(1);
  CHECK(padded(similar, *lengths) * 10 < padded(shuffled, *lengths));
}

TEST_CASE("every sample is drawn once an epoch, whatever the sizes") {
  for (const std::int64_t n : {1, 5, 64, 2048, 2049, 4999})
    for (const std::int64_t batch : {1, 7, 32, 6000}) {
      CAPTURE(n, batch);
      Sampler sampler(plan_of(n, batch));
      sampler.begin_epoch(4);
      std::vector<std::int64_t> order = sampler.order(), all(static_cast<std::size_t>(n));
      std::iota(all.begin(), all.end(), 0);
      CHECK((n < 64 || order != all));
      std::sort(order.begin(), order.end());
      CHECK(order == all);
    }
}

TEST_CASE("the order follows from seed and epoch, and not from ranks or accumulation") {
  const BatchPlan plan = plan_of(3000, 24);
  Sampler sampler(plan), other_seed([&] {
    BatchPlan changed = plan;
    changed.seed = 4;
    return changed;
  }());
  sampler.begin_epoch(5);
  other_seed.begin_epoch(5);
  CHECK(sampler.order() != other_seed.order());
  for (const int ranks : {2, 3})
    for (const std::int64_t accumulate : {1, 4}) {
      Sampler many(plan_of(3000, 24, ranks, accumulate));
      many.begin_epoch(5);
      CHECK(many.order() == sampler.order());
    }
  const auto before = sampler.order();
  sampler.begin_epoch(6);
  CHECK(sampler.order() != before);
}

TEST_CASE("batches come in no order of length, and neither do the samples of a batch") {
  const BatchPlan plan = plan_of(6400, 64);
  Sampler sampler(plan);
  sampler.begin_epoch(0);
  std::int64_t first_half = 0, second_half = 0, longer_batches = 0, batches = 0, before = 0;
  for (std::int64_t step = 0; step < plan.steps_per_epoch(); ++step) {
    const auto ids = sampler.share(step, 0, 0).step_ids;
    std::int64_t total = 0;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const std::int32_t length = (*plan.lengths)[static_cast<std::size_t>(ids[i])];
      (i < 32 ? first_half : second_half) += length;
      total += length;
    }
    longer_batches += total > before;
    before = total;
    ++batches;
  }
  CHECK(std::abs(first_half - second_half) * 50 < first_half + second_half);
  CHECK(longer_batches > batches / 4);
  CHECK(longer_batches < batches * 3 / 4);
}

TEST_CASE("the short last batch is not always the longest samples") {
  const BatchPlan plan = plan_of(1000, 64);  // 15 batches and 40 samples
  Sampler sampler(plan);
  std::int64_t longest_last = 0;
  for (std::int64_t epoch = 0; epoch < 20; ++epoch) {
    sampler.begin_epoch(epoch);
    const Share last = sampler.share(15, 0, 0);
    CHECK(last.step_samples == 40);
    const auto most = std::max_element(plan.lengths->begin(), plan.lengths->end()) - plan.lengths->begin();
    longest_last += std::count(last.ids.begin(), last.ids.end(), most);
  }
  CHECK(longest_last < 10);
}

TEST_CASE("without shuffling the order is the file's, lengths or not") {
  BatchPlan plan = plan_of(100, 10);
  plan.shuffle = false;
  Sampler sampler(plan);
  sampler.begin_epoch(0);
  CHECK(std::is_sorted(sampler.order().begin(), sampler.order().end()));
}

TEST_CASE("every rank's share names all ids of the global step, and the audit finds each sample once") {
  const BatchPlan plan = plan_of(333, 40, 3, 2);
  Sampler sampler(plan);
  sampler.begin_epoch(0);
  std::vector<WorkReport> reports;
  for (int rank = 0; rank < plan.ranks; ++rank) {
    WorkAudit audit(plan.dataset_size);
    audit.begin_epoch();
    for (std::int64_t step = 0; step < plan.steps_per_epoch(); ++step)
      for (std::int64_t micro = 0; micro < 2; ++micro) {
        const Share share = sampler.share(step, micro, rank);
        CHECK(share.step_ids.data() == sampler.order().data() + step * 40);
        CHECK(static_cast<std::int64_t>(share.step_ids.size()) == share.step_samples);
        audit.record(share.ids, share.padding);
      }
    reports.push_back(audit.local());
  }
  CHECK(audit_sentence(merge_audits(333, reports), 333, 0).empty());
}

TEST_CASE("a plan that lacks lengths is refused") {
  BatchPlan plan = plan_of(10, 2);
  plan.lengths = skewed_lengths(9);
  CHECK_THROWS_AS(Sampler(plan), Error);
}
