// The audit sees what ranks did, not what they meant to do.
#include "data/work_audit.hpp"

#include "base/error.hpp"
#include "data/sampler.hpp"
#include "support/catch.hpp"

using namespace lockstep;

namespace {

// An epoch of a plan, as each rank reports it.
std::vector<WorkReport> reports(const BatchPlan& plan, std::int64_t first_step = 0, std::int64_t steps = -1) {
  Sampler sampler(plan);
  sampler.begin_epoch(0);
  const std::int64_t last = steps < 0 ? plan.steps_per_epoch() : first_step + steps;
  std::vector<WorkReport> locals;
  for (int rank = 0; rank < plan.ranks; ++rank) {
    WorkAudit audit(plan.dataset_size);
    audit.begin_epoch();
    for (std::int64_t step = first_step; step < last; ++step)
      for (std::int64_t micro = 0; micro < plan.accumulate; ++micro) {
        const Share share = sampler.share(step, micro, rank);
        audit.record(share.ids, share.padding);
      }
    locals.push_back(audit.local());
  }
  return locals;
}

BatchPlan plan_of(std::int64_t n, std::int64_t batch, int ranks) {
  BatchPlan plan;
  plan.dataset_size = n;
  plan.global_batch = batch;
  plan.ranks = ranks;
  plan.seed = 1;
  return plan;
}

}  // namespace

TEST_CASE("a sharded epoch is the data set once, and padding is counted apart") {
  const AuditRow row = merge_audits(1001, reports(plan_of(1001, 100, 4)));
  CHECK(row.samples == std::vector<std::int64_t>{250, 250, 250, 251});
  CHECK(row.missing == 0);
  CHECK(row.repeated == 0);
  CHECK(row.padding == 3);  // the last step has one sample for four ranks
  CHECK(audit_sentence(row, 1001, 0).empty());
}

TEST_CASE("an unsharded sampler is caught and named") {
  BatchPlan plan = plan_of(1000, 100, 4);
  plan.shard = false;
  const AuditRow row = merge_audits(1000, reports(plan));
  CHECK(row.missing == 0);
  CHECK(row.repeated == 3000);
  CHECK(row.digest[0] == row.digest[3]);
  CHECK(
      audit_sentence(row, 1000, 2) ==
      "epoch 2: each of the 4 ranks trained on the same 1,000 samples, so 3,000 of their 4,000 samples were "
      "repeats: the sampler did not share the data out among the ranks, and more ranks meant more work, not "
      "less "
      "time");
}

TEST_CASE("samples left out and samples taken twice are counted") {
  WorkAudit audit(100);
  audit.begin_epoch();
  std::vector<std::int64_t> ids;
  for (std::int64_t id = 0; id < 95; ++id) ids.push_back(id);
  ids.push_back(7);
  ids.push_back(7);
  audit.record(ids, 0);
  const AuditRow row = merge_audits(100, {audit.local()});
  CHECK(row.missing == 5);
  CHECK(row.repeated == 2);
  CHECK(row.samples == std::vector<std::int64_t>{97});
  CHECK(audit_sentence(row, 100, 0) ==
        "epoch 0: of 100 samples 5 were never trained on, and 2 times a sample was trained on that had been "
        "before: "
        "the epoch did not cover the data set once");
}

TEST_CASE("padding does not make up for a sample that is missing") {
  WorkAudit audit(2);
  audit.begin_epoch();
  const std::int64_t ids[] = {0, 1};
  audit.record(ids, 1);
  const AuditRow row = merge_audits(2, {audit.local()});
  CHECK(row.missing == 1);
  CHECK(row.padding == 1);
  CHECK(audit_sentence(row, 2, 0) ==
        "epoch 0: of 2 samples 1 were never trained on: the epoch did not cover the data set once");
}

TEST_CASE("an epoch that was cut short or resumed is judged by what it should have covered") {
  const BatchPlan plan = plan_of(1000, 100, 2);
  const AuditRow row = merge_audits(1000, reports(plan, 4, 3));
  CHECK(row.missing == 700);
  CHECK(audit_sentence(row, 1000, 0, 300).empty());
  CHECK_FALSE(audit_sentence(row, 1000, 0).empty());
  CHECK(audit_sentence(row, 1000, 0, 200).find("100 more were trained on") != std::string::npos);
}

TEST_CASE("the digest does not depend on the order, and an epoch forgets the one before") {
  WorkAudit first(10), second(10);
  const std::int64_t up[] = {1, 2, 3}, down[] = {3, 2, 1}, other[] = {4};
  first.begin_epoch();
  first.record(up, 0);
  second.begin_epoch();
  second.record(other, 0);
  second.begin_epoch();
  second.record(down, 0);
  CHECK(first.local() == second.local());
  CHECK(merge_audits(10, {first.local()}).digest == merge_audits(10, {second.local()}).digest);
}

TEST_CASE("an id that is not there, and a report that is damaged or of another data set, are errors") {
  WorkAudit audit(10);
  const std::int64_t beyond[] = {10};
  CHECK_THROWS_AS(audit.record(beyond, 0), Error);
  WorkReport report = audit.local();
  CHECK_THROWS_AS(merge_audits(11, {report}), Error);
  report.seen.clear();
  CHECK_THROWS_AS(merge_audits(10, {report}), Error);
}
