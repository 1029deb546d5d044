// Every rule that looks at one run: what it finds, what it says, and that it is silent otherwise.
#include <limits>

#include "analysis/checks/rules.hpp"
#include "analysis/support/synthetic_run.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

std::vector<Finding> findings_of(const RunData& run) { return checked_launch(run, "x").findings; }

RunData two_ranks() { return make_run({.mode = "ddp", .ranks = 2, .transfer = 2e-3, .late = 1e-3}); }

}  // namespace

TEST_CASE("a good run has no findings") {
  CHECK(findings_of(make_run({})).empty());
  CHECK(findings_of(two_ranks()).empty());
}

TEST_CASE("incomplete-run") {
  for (const char* status : {"running", "failed", "interrupted"}) {
    RunData run = two_ranks();
    run.header.status = status;
    run.header.valid = false;
    run.header.invalid_reasons = {"rank 1 was lost"};
    CHECK(sentence_of(findings_of(run), "incomplete-run") ==
          "the run did not finish: status " + std::string(status) + ", 80 steps recorded; rank 1 was lost");
    CHECK_FALSE(has_code(findings_of(run), "invalid-run"));
    CHECK_FALSE(checked_launch(run, "x").usable());
  }
}

TEST_CASE("invalid-run") {
  RunData run = two_ranks();
  run.header.valid = false;
  run.header.invalid_reasons = {"epoch 0: 5 rows were repeated", "epoch 1: 3 rows were repeated"};
  CHECK(sentence_of(findings_of(run), "invalid-run") ==
        "the run calls itself invalid: epoch 0: 5 rows were repeated; epoch 1: 3 rows were repeated");
  CHECK_FALSE(checked_launch(run, "x").usable());
  run.header.invalid_reasons.clear();
  CHECK(sentence_of(findings_of(run), "invalid-run") == "the run calls itself invalid: it gives no reason");
}

TEST_CASE("replicas-diverged") {
  RunData run = two_ranks();
  run.header.valid = false;
  run.header.invalid_reasons = {
      "epoch 0: replicas diverged: the parameters of rank 1 differ from those of rank 0"};
  CHECK(says(sentence_of(findings_of(run), "replicas-diverged"), "rank 1 differ"));
  CHECK_FALSE(checked_launch(run, "x").usable());
}

TEST_CASE("work-audit") {
  RunData run = two_ranks();
  SECTION("repeated") {
    run.audit[1].repeated = 2560;
    run.audit[1].missing = 7;
    CHECK(sentence_of(findings_of(run), "work-audit") ==
          "the ranks did not divide the data set among them: in epoch 1, 7 rows were trained on by no "
          "rank, and 2560 samples were rows that had been trained on before");
    run.audit[1].missing = 0;
    CHECK(says(sentence_of(findings_of(run), "work-audit"), "in epoch 1, 2560 samples were rows that"));
  }
  SECTION("other samples than the steps say") {
    run.audit[0].samples[0] -= 1;
    CHECK(says(sentence_of(findings_of(run), "work-audit"), "the audit counts 2559 samples, the steps 2560"));
  }
  CHECK_FALSE(checked_launch(run, "x").usable());
}

TEST_CASE("no-audit is a warning") {
  RunData run = two_ranks();
  run.audit.clear();
  CHECK(has_code(findings_of(run), "no-audit"));
  CHECK(checked_launch(run, "x").usable());
}

TEST_CASE("step-order") {
  RunData run = two_ranks();
  SECTION("swapped steps") {
    swap_steps(run, 10, 11);
    CHECK(says(sentence_of(findings_of(run), "step-order"), "rank 0: step 11 begins"));
  }
  SECTION("two runs interleaved in one file") {
    for (std::int64_t k = 0; k + 1 < run.steps.steps(); k += 2)
      run.steps.start.at(1, k + 1) = run.steps.start.at(1, k);
    CHECK(says(sentence_of(findings_of(run), "step-order"), "rank 1: step 1 begins"));
  }
  SECTION("epochs that go back") {
    run.steps.epoch.at(0, 50) = 0;
    CHECK(says(sentence_of(findings_of(run), "step-order"),
               "step 50 is of epoch 0, the step before of epoch 1"));
  }
  SECTION("a time that is none") {
    run.steps.wall.at(1, 3) = 0;
    CHECK(says(sentence_of(findings_of(run), "step-order"), "rank 1, step 3"));
  }
  SECTION("not a number") {
    run.steps.start.at(1, 3) = std::numeric_limits<double>::quiet_NaN();
    CHECK(says(sentence_of(findings_of(run), "step-order"), "rank 1, step 3"));
  }
  CHECK_FALSE(checked_launch(run, "x").usable());
}

TEST_CASE("budget-open") {
  RunData run = two_ranks();
  SECTION("something counted twice") {
    for (std::int64_t k = 0; k < run.steps.steps(); ++k) run.steps.forward.at(1, k) *= 1.2;
    CHECK(says(sentence_of(findings_of(run), "budget-open"), "rank 1: they add up to 105."));
  }
  SECTION("too much unexplained") {
    for (std::int64_t k = 0; k < run.steps.steps(); ++k) {
      run.steps.other.at(0, k) += 3e-3;
      run.steps.forward.at(0, k) -= 3e-3;
    }
    CHECK(says(sentence_of(findings_of(run), "budget-open"),
               "of it is 'other', enough to change the order of the largest phases"));
  }
  CHECK(checked_launch(run, "x").usable());  // its wall time is still its wall time
}

TEST_CASE("what no phase accounts for may be more than 2 % where it changes no order") {
  RunData run = two_ranks();
  for (std::int64_t k = 0; k < run.steps.steps(); ++k) {
    run.steps.other.at(0, k) += 1e-3;
    run.steps.forward.at(0, k) -= 1e-3;
  }
  CHECK(findings_of(run).empty());
}

TEST_CASE("budget-open looks at steady steps only") {
  RunData run = make_run({.slow_steps = 3, .jitter = 0.01});
  run.steps.other.at(0, 0) += 1;
  run.steps.wall.at(0, 0) += 1;
  for (std::int64_t k = 1; k < run.steps.steps(); ++k) run.steps.start.at(0, k) += 1;
  CHECK(findings_of(run).empty());
}

TEST_CASE("recorder-overhead") {
  RunData run = two_ranks();
  run.recorder_overhead = 0.01;
  CHECK(findings_of(run).empty());
  run.recorder_overhead = 0.042;
  CHECK(says(sentence_of(findings_of(run), "recorder-overhead"), "4.2 % of a step, more than 1 %"));
  CHECK(checked_launch(run, "x").usable());
}

TEST_CASE("duplicate-run: the second of two equal uuids does not count") {
  const RunSet set = make_set({two_ranks(), make_run({}), two_ranks()});
  CHECK(set.launches[0].usable());
  CHECK_FALSE(set.launches[2].usable());
  CHECK(sentence_of(set.launches[2].findings, "duplicate-run") ==
        "the same run was found twice and counts once: uuid ddp-2-1 is also in run 0");
}

TEST_CASE("gpu-slowed") {
  RunData run = two_ranks();
  run.epochs[0].gpu = {.recorded = true, .slowdowns = 0x4};
  run.epochs[1].gpu = {.recorded = true, .slowdowns = 0x20};
  CHECK(sentence_of(findings_of(run), "gpu-slowed") ==
        "a GPU ran slower than it could, and the next run may not: power cap, temperature");
  CHECK(checked_launch(run, "x").usable());
  for (EpochRow& row : run.epochs) row.gpu.slowdowns = 0x1;  // that it idled at some time
  CHECK_FALSE(has_code(findings_of(run), "gpu-slowed"));
}

TEST_CASE("uneven-ranks") {
  RunData run = two_ranks();
  run.ranks[1].threads = 3;
  CHECK(says(sentence_of(findings_of(run), "uneven-ranks"), "rank 0 has 1 thread, rank 1 has 3"));
  CHECK(checked_launch(run, "x").usable());
  run.settings["parallel.device"] = "cuda";  // what the host has is no matter then
  CHECK_FALSE(has_code(findings_of(run), "uneven-ranks"));
  run = two_ranks();
  run.ranks[1].device = "NVIDIA H200";
  CHECK(says(sentence_of(findings_of(run), "uneven-ranks"), "rank 1 on 'NVIDIA H200'"));
}
