// What the counters of the compute threads say of passes that take longer, of runs with made counters.
#include "analysis/metrics/counters.hpp"

#include <algorithm>
#include <cmath>

#include "analysis/model/slow_passes.hpp"
#include "analysis/render/render.hpp"
#include "analysis/support/synthetic_run.hpp"
#include "analysis/tables/pages.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

// Of a step of one thread: so many seconds in user mode.
ComputeCounts step_of(double user, double instructions_per_cycle = 1, double hertz = 3e9) {
  return {.steps = 1,
          .threads = 1,
          .cycles = user * hertz,
          .instructions = user * hertz * instructions_per_cycle,
          .user_seconds = user,
          .system_seconds = 0,
          .waiting_seconds = 0,
          .preemptions = 0,
          .page_faults = 0};
}

RunData counted(RunData run, const ComputeCounts& step) {
  const double steps = 40;  // of an epoch, as made runs have
  ComputeCounts sum = step;
  for (double* value : {&sum.steps, &sum.cycles, &sum.instructions, &sum.user_seconds, &sum.system_seconds,
                        &sum.waiting_seconds, &sum.preemptions, &sum.page_faults})
    *value *= steps;
  for (EpochRow& epoch : run.epochs) epoch.counters.assign(run.ranks.size(), sum);
  return run;
}

// 30 ms of passes on one rank, of which each of two should take 15; they take 20 ms. No optimizer, so that a
// rank's share of all work is a half.
RunData seq() { return make_run({.uuid = "seq", .forward = 10e-3, .backward = 20e-3, .optimizer = 0}); }
RunData ddp(double transfer = 0.1e-3) {
  return make_run({.mode = "ddp",
                   .ranks = 2,
                   .uuid = "ddp",
                   .forward = 7e-3,
                   .backward = 13e-3,
                   .optimizer = 0,
                   .transfer = transfer});
}

// Of the run with the uuid "ddp" against that with "seq".
SlowPasses passes_of(const std::vector<RunData>& runs) {
  const Analysis analysis = analyse(runs);
  const WorkloadSummary& workload = analysis.summaries.front();
  const auto group_of = [&](const char* uuid) {
    const auto found =
        std::find_if(workload.groups.begin(), workload.groups.end(),
                     [uuid](const GroupSummary& group) { return group.group->any().header.uuid == uuid; });
    REQUIRE(found != workload.groups.end());
    return &*found;
  };
  const auto found = slow_passes(workload, *group_of("ddp"), *group_of("seq"));
  REQUIRE(found);
  return *found;
}

using Kind = SlowPasses::Cause::Kind;

// Milliseconds; NaN: it is not among the causes.
double by(const SlowPasses& passes, Kind kind) {
  for (const SlowPasses::Cause& cause : passes.causes)
    if (cause.kind == kind) return 1e3 * cause.seconds;
  return kUnknown;
}

double sum_of(const SlowPasses& passes) {
  double sum = 0;
  for (const SlowPasses::Cause& cause : passes.causes) sum += cause.seconds;
  return sum;
}

}  // namespace

TEST_CASE("the example of the page of metrics") {
  ComputeCounts now = step_of(30e-3, 0.8, 2.5e9);
  now.instructions = step_of(20e-3).instructions;
  now.cycles = now.instructions / 0.8;
  now.user_seconds = now.cycles / 2.5e9;
  REQUIRE(now.user_seconds == Approx(30e-3));
  const CountedCauses causes = counted_causes(now, step_of(20e-3), 1);
  CHECK(causes.per_cycle == Approx(5.5e-3).epsilon(0.01));
  CHECK(causes.frequency == Approx(4.5e-3).epsilon(0.01));
  CHECK(causes.instructions == Approx(0).margin(1e-9));
  CHECK(causes.per_cycle + causes.frequency + causes.instructions == Approx(10e-3));
}

TEST_CASE("each cause is found where it is the only one, and the causes add up") {
  const auto found = [](ComputeCounts of_ddp) {
    const SlowPasses passes = passes_of({counted(seq(), step_of(30e-3)), counted(ddp(), of_ddp)});
    CHECK(sum_of(passes) == Approx(passes.seconds));
    CHECK(passes.seconds == Approx(5e-3));
    return passes;
  };
  CHECK(by(found(step_of(20e-3)), Kind::instructions) == Approx(5).epsilon(0.01));
  CHECK(by(found(step_of(20e-3, 0.75)), Kind::per_cycle) == Approx(5).epsilon(0.01));
  ComputeCounts slow = step_of(20e-3, 1, 2.25e9);
  CHECK(by(found(slow), Kind::frequency) == Approx(5).epsilon(0.01));
  ComputeCounts waits = step_of(15e-3);
  waits.waiting_seconds = 5e-3;
  const SlowPasses waiting = found(waits);
  CHECK(by(waiting, Kind::waiting) == Approx(5).epsilon(0.01));
  CHECK(std::isnan(by(waiting, Kind::instructions)));  // next to nothing is left in the rest
  ComputeCounts faults = step_of(15e-3);
  faults.system_seconds = 4e-3;
  const SlowPasses kernel = found(faults);
  CHECK(by(kernel, Kind::kernel) == Approx(4).epsilon(0.01));
  CHECK(by(kernel, Kind::unexplained) == Approx(1).epsilon(0.01));
}

TEST_CASE("the sentence names the largest cause first, and the table has its number") {
  ComputeCounts of_ddp = step_of(19e-3, 15.0 / 19);
  of_ddp.waiting_seconds = 1e-3;
  const std::vector<RunData> runs = {counted(seq(), step_of(30e-3)), counted(ddp(), of_ddp)};
  const std::string words = words_for(passes_of(runs));
  CHECK(says(words, "Passes take 5.00 ms longer: 4.00 ms by fewer instructions per cycle"));
  CHECK(says(words, "1.00 ms by waiting for a core"));
  const std::string page = render(budget_page(analyse(runs), {}), Format::md);
  CHECK(says(page, "per_cycle"));
  CHECK(says(page, "| 4.00 |"));
  CHECK(says(page, "instr./cycle"));
  CHECK(says(page, "3.00"));  // GHz
}

TEST_CASE("without the hardware's counters waiting for a core is told, the rest is not, and why is said") {
  ComputeCounts before = step_of(30e-3), now = step_of(16e-3);
  now.waiting_seconds = 4e-3;
  for (ComputeCounts* counts : {&before, &now}) counts->cycles = counts->instructions = kUnknown;
  std::vector<RunData> runs = {counted(seq(), before), counted(ddp(), now)};
  for (RunData& run : runs)
    run.counters_absent = "cycles and instructions are not recorded: the processor offers none";
  const SlowPasses passes = passes_of(runs);
  CHECK(by(passes, Kind::waiting) == Approx(4).epsilon(0.01));
  CHECK(by(passes, Kind::shared_memory) == Approx(1).epsilon(0.05));
  const std::string page = render(budget_page(analyse(runs), {}), Format::md);
  CHECK(says(page, "cycles and instructions are not recorded: the processor offers none."));
  CHECK(lacks(page, "nan"));
  CHECK(says(render(budget_page(analyse(runs), {}), Format::json), "\"frequency\": null"));
}

TEST_CASE("counters of threads that also communicate for long are not those of passes; no_comm has such") {
  const ComputeCounts of_passes = step_of(20e-3, 0.75), blurred = step_of(26e-3, 2);
  std::vector<RunData> runs = {counted(seq(), step_of(30e-3)), counted(ddp(6e-3), blurred)};
  CHECK(std::isnan(by(passes_of(runs), Kind::instructions)));
  RunData quiet = counted(ddp(0), of_passes);
  quiet.header.uuid = "no_comm";
  quiet.settings["parallel.ablation"] = "no_comm";
  runs[1].settings["parallel.ablation"] = "none";
  runs.push_back(quiet);
  CHECK(by(passes_of(runs), Kind::per_cycle) == Approx(5).epsilon(0.01));
}

TEST_CASE("the same batch on one rank is the better reference") {
  RunData same =
      counted(make_run({.batch = 32, .uuid = "alone", .forward = 6e-3, .backward = 12e-3, .optimizer = 0}),
              step_of(18e-3));
  same.settings["training.global_batch"] = "32";
  const SlowPasses passes =
      passes_of({counted(seq(), step_of(30e-3)), same, counted(ddp(), step_of(20e-3, 0.9))});
  CHECK(by(passes, Kind::smaller_batch) == Approx(3));
  CHECK(by(passes, Kind::per_cycle) == Approx(2).epsilon(0.01));
}

TEST_CASE("ranks with other numbers of threads, and runs that have not counted, tell nothing") {
  ComputeCounts two = step_of(20e-3);
  two.threads = 2;
  CHECK(std::isnan(by(passes_of({counted(seq(), step_of(30e-3)), counted(ddp(), two)}), Kind::instructions)));
  CHECK(std::isnan(by(passes_of({seq(), counted(ddp(), step_of(20e-3))}), Kind::instructions)));
}

TEST_CASE("a counter that one rank lacks is unknown") {
  RunData run = counted(ddp(), step_of(20e-3));
  run.epochs[0].counters[1].cycles = kUnknown;
  const auto mean = mean_counts(run.epochs);
  REQUIRE(mean);
  CHECK(std::isnan(mean->cycles));
  CHECK(mean->instructions == Approx(60e6));
  CHECK(mean->threads == 1);
}
