// The numbers of a group and of a comparison against what the synthetic runs were made of.
#include "analysis/model/summary.hpp"

#include "analysis/render/render.hpp"
#include "analysis/support/synthetic_run.hpp"
#include "analysis/tables/summary.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;
using Q = Quantity;

namespace {

std::vector<RunData> exact_pair(double transfer, double hidden, double late) {
  return {make_run({}), make_run({.mode = "ddp",
                                  .ranks = 2,
                                  .forward = 5e-3,
                                  .backward = 10e-3,
                                  .transfer = transfer,
                                  .hidden = hidden,
                                  .late = late})};
}

std::string text_of(const Analysis& analysis) { return render_text(summary_page(analysis)); }

}  // namespace

TEST_CASE("speedup, efficiency and times of an exact pair") {
  const Analysis analysis = analyse(exact_pair(2e-3, 0.5e-3, 1e-3));
  const GroupSummary &seq = group_named(analysis, "seq"), &ddp = group_named(analysis, "ddp x2");
  CHECK(seq.step_p50 == Approx(31.6e-3));
  CHECK(ddp.step_p99 == Approx(19.1e-3));
  CHECK(seq.training_seconds.median == Approx(80 * 31.6e-3));
  CHECK(seq.throughput.value == Approx(64 / 31.6e-3));
  CHECK(ddp.against_seq.speedup->value == Approx(31.6 / 19.1));
  CHECK(ddp.against_seq.efficiency->value == Approx(31.6 / 19.1 / 2));
  CHECK(ddp.against_seq.baseline == seq.group);
  CHECK(ddp.against_one.baseline == nullptr);
  CHECK(seq.against_seq.baseline == nullptr);
}

TEST_CASE("the three ratios, waiting and the straggler") {
  const Analysis analysis = analyse(exact_pair(2e-3, 0.5e-3, 1e-3));
  const GroupSummary& ddp = group_named(analysis, "ddp x2");
  const double compute = 5 + 10.5 + 1;  // the late rank's 1 ms counts half
  CHECK(ddp.ratio_total->value == Approx(compute / 2.5));
  CHECK(ddp.ratio_transfer->value == Approx(compute / 2));
  CHECK(ddp.ratio_exposed->value == Approx(compute / 2));
  CHECK(*ddp.comm_share == Approx(2.5 / 19.1));
  CHECK(*ddp.exposed_share == Approx(2.0 / 19.1));
  CHECK(*ddp.overlap_share == Approx(0.5 / 2.5));
  CHECK(*ddp.wait_share == Approx(0.5 / 2.5));
  CHECK(ddp.last_rank == 1);
  CHECK(ddp.last_share == Approx(1));
  CHECK(*ddp.algorithm_bandwidth == Approx(889440 / 2e-3));
  CHECK(*ddp.bus_bandwidth == Approx(889440 / 2e-3));
}

TEST_CASE("launches that are slow in different phases: the parts of a step are no more than it") {
  const SyntheticRun usual{.mode = "ddp", .ranks = 2, .forward = 5e-3, .backward = 5e-3, .transfer = 1e-3};
  SyntheticRun forward = usual, backward = usual, both = usual;
  forward.forward = backward.backward = 15e-3;
  both.forward = both.backward = 14e-3;
  forward.seed = 1;
  backward.seed = 2;
  both.seed = 3;
  const Analysis analysis = analyse({make_run(forward), make_run(backward), make_run(both)});
  const PopSummary& pop = *group_named(analysis, "ddp x2").parallel.pop;
  CHECK(group_named(analysis, "ddp x2").steps.point[Q::wall] == Approx(22.6e-3));
  CHECK(pop.load_balance.value <= 1);
  CHECK(pop.serialisation->value <= 1);
  CHECK(pop.most_work >= pop.mean_work);
  CHECK(pop.parallel.value == Approx(pop.load_balance.value * pop.communication.value));
}

TEST_CASE("fully hidden communication has no exposed ratio, and sequential runs have none at all") {
  const Analysis analysis = analyse(exact_pair(2e-3, 2e-3, 0));
  CHECK_FALSE(group_named(analysis, "ddp x2").ratio_exposed);
  CHECK(group_named(analysis, "ddp x2").ratio_total);
  CHECK_FALSE(group_named(analysis, "seq").ratio_total);
  CHECK_FALSE(group_named(analysis, "seq").comm_share);
}

TEST_CASE("the budget closes and an open one is refused with its ratios") {
  std::vector<RunData> runs = exact_pair(2e-3, 0, 1e-3);
  const Analysis good = analyse(runs);
  const GroupSummary& closed = group_named(good, "ddp x2");
  double sum = 0;
  for (std::size_t part = 0; part < kBudgetParts; ++part) sum += closed.steps.point.values[part];
  CHECK(sum == Approx(closed.steps.point[Q::wall]));
  for (double& v : runs[1].steps.forward.values) v *= 1.5;
  const Analysis bad = analyse(runs);
  const GroupSummary& open = group_named(bad, "ddp x2");
  CHECK(has_code(open.findings, "budget-open"));
  CHECK_FALSE(open.ratio_total);
  CHECK(open.against_seq.speedup);
}

TEST_CASE("warm-up steps count in training time, not in the statistics") {
  const Analysis analysis = analyse({make_run({.slow_steps = 5, .jitter = 0.001})});
  const GroupSummary& seq = group_named(analysis, "seq");
  CHECK(seq.warmup_low == 5);
  CHECK(seq.steady_steps == 75);
  CHECK(seq.step_seconds.value == Approx(31.6e-3).epsilon(0.01));
  CHECK(seq.steady_training_seconds.value == Approx(80 * 31.6e-3).epsilon(0.01));
  CHECK(seq.training_seconds.median == Approx((80 * 31.6 + 5 * 60) * 1e-3).epsilon(0.01));
}

TEST_CASE("repeated launches give intervals around the truth") {
  const Analysis analysis = analyse(usual_runs());
  const Comparison& c = group_named(analysis, "ddp x2").against_seq;
  const double truth = 31.6 / 19.1;
  REQUIRE(c.speedup->interval);
  CHECK(c.speedup->interval->low <= c.speedup->value);
  CHECK(c.speedup->value <= c.speedup->interval->high);
  CHECK(c.speedup->value == Approx(truth).epsilon(0.01));
  CHECK(c.efficiency->interval->high == Approx(c.speedup->interval->high / 2));
  const GroupSummary& seq = group_named(analysis, "seq");
  CHECK(seq.test_metric.median == Approx(0.852));
  CHECK(seq.test_metric.low == Approx(0.851));
  CHECK(seq.test_metric.high == Approx(0.853));
}

TEST_CASE("one rank of the same mode is the second baseline") {
  std::vector<RunData> runs = exact_pair(2e-3, 0, 0);
  runs.push_back(make_run({.mode = "ddp", .ranks = 1, .other = 0.5e-3}));
  const Analysis analysis = analyse(runs);
  const GroupSummary& ddp = group_named(analysis, "ddp x2");
  CHECK(ddp.against_seq.speedup->value == Approx(31.6 / 18.6));
  CHECK(ddp.against_one.speedup->value == Approx(32.0 / 18.6));
  CHECK(group_named(analysis, "ddp x1").against_seq.speedup->value == Approx(31.6 / 32.0));
  CHECK(group_named(analysis, "ddp x1").against_one.baseline == nullptr);
}

TEST_CASE("of several baselines the one that may be compared is taken, and of those the fastest") {
  std::vector<RunData> runs = exact_pair(2e-3, 0, 0);
  RunData elsewhere = make_run({.uuid = "elsewhere", .forward = 1e-3});
  elsewhere.fingerprint = "other";
  RunData slower = make_run({.uuid = "slower", .forward = 30e-3});
  slower.settings["data.workers"] = "2";
  runs.push_back(elsewhere);
  runs.push_back(slower);
  CHECK(group_named(analyse(runs), "ddp x2").against_seq.speedup->value == Approx(31.6 / 18.6));
}

TEST_CASE("weak scaling: T1 / Tp of a step is the efficiency") {
  const Analysis analysis = analyse(
      {make_run({}),
       make_run(
           {.mode = "ddp", .ranks = 2, .steps = 20, .batch = 128, .transfer = 2e-3, .scaling = "weak"})});
  const Comparison& c = group_named(analysis, "ddp x2").against_seq;
  CHECK(c.efficiency->value == Approx(31.6 / 33.6));
  CHECK(c.speedup->value == Approx(2 * 31.6 / 33.6));
  CHECK_FALSE(c.karp_flatt);
}

TEST_CASE("energy a sample, over the epochs whose energy is known; nothing is said where there is none") {
  std::vector<RunData> runs = usual_runs();
  const std::string without = text_of(analyse(runs));
  CHECK(lacks(without, "J/sample"));
  CHECK(lacks(without, "nergy"));
  CHECK(std::isnan(group_named(analyse(runs), "seq").energy_per_sample.median));
  double joules = 0;
  for (RunData& run : runs) {
    if (run.header.mode != "seq") continue;
    joules += 100;  // 100, 200 and 300 J an epoch of 40 steps of 64 samples
    for (EpochRow& row : run.epochs) row.train_seconds = 2;
    run.epochs[0].gpu = {true, joules, 650, 70, 1.9e9, 0x4};
    run.epochs[1].gpu = {true, kUnknown, 690, 75, 1.7e9, 0};  // too short
  }
  const Analysis analysis = analyse(runs);
  CHECK(group_named(analysis, "seq").energy_per_sample.median == Approx(200.0 / (40 * 64)));
  const std::string text = text_of(analysis);
  CHECK(says(text, "J/sample"));
  CHECK(says(text, "power cap"));
  CHECK(says(text, "690"));
  CHECK(says(text, "1800"));  // MHz
  CHECK(says(text, "100"));   // W: 200 J in 2 s
}
