// Runs that went on from a checkpoint: marked, judged by the epochs that they ran, and not taken for whole.
#include "analysis/checks/rules.hpp"
#include "analysis/model/convergence.hpp"
#include "analysis/support/synthetic_run.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

// The last two of four epochs.
RunData resumed(SyntheticRun synthetic) {
  RunData run = make_run(synthetic);
  for (std::int32_t& epoch : run.steps.epoch.values) epoch += 2;
  run.header.resumed = {"0123abcd", "89abcdef", 2, 80};
  return run;
}

const SyntheticRun kSeq{},
    kDdp{.mode = "ddp", .ranks = 2, .forward = 5e-3, .backward = 10e-3, .transfer = 2e-3};

}  // namespace

TEST_CASE("a resumed run is judged by the epochs that it ran") {
  RunData run = resumed(kSeq);
  CHECK(checked_launch(run, "x").findings.empty());
  CHECK(checked_launch(run, "x").curve[1].samples == 2 * 40 * 64);
  SECTION("of a version that did not record it") {
    run.header.resumed.reset();
    CHECK(checked_launch(run, "x").findings.empty());
  }
  SECTION("its faults are found, in their epoch") {
    run.audit[1].repeated = 3;
    CHECK(says(sentence_of(checked_launch(run, "x").findings, "work-audit"), "in epoch 3, "));
  }
  SECTION("other epochs than it says") {
    run.header.resumed->epochs = 5;
    CHECK(says(sentence_of(checked_launch(run, "x").findings, "work-audit"),
               "in epoch 5 the audit counts 2560 samples, the steps 0"));
  }
}

TEST_CASE("a resumed run is a group of its own, and marked") {
  const Analysis analysis = analyse({make_run(kSeq), resumed({.uuid = "again"})});
  CHECK(group_named(analysis, "seq").group->launches.size() == 1);
  const GroupSummary& group = group_named(analysis, "seq resumed after 2 epochs");
  CHECK(group.group->launches.size() == 1);
  CHECK(sentence_of(check_group(*group.group), "resumed-run") ==
        "the run is the end of a training that began in another: 2 epochs, 80 steps, were done before; the "
        "time to accuracy is unknown");
  CHECK(sentence_of(check_group(*group_named(analysis, "seq").group), "resumed-run").empty());
}

TEST_CASE("no speedup is claimed of a resumed run over a whole one, or the other way round") {
  for (const auto& runs :
       {std::vector{make_run(kSeq), resumed(kDdp)}, std::vector{resumed(kSeq), make_run(kDdp)}}) {
    const Analysis analysis = analyse(runs);
    const bool parallel = runs[1].header.resumed.has_value();
    const Comparison& c =
        group_named(analysis, parallel ? "ddp x2 resumed after 2 epochs" : "ddp x2").against_seq;
    CHECK_FALSE(c.speedup);
    REQUIRE(c.refused());
    CHECK(c.refused()->rule->code == std::string("different-work"));
    CHECK(says(c.refused()->sentence,
               parallel ? "epochs done before 2, baseline 0" : "epochs done before 0, baseline 2"));
  }
}

TEST_CASE("the same end of the same training may be compared by its steps, never by what it took to learn") {
  const Analysis analysis = analyse({resumed(kSeq), resumed(kDdp)});
  CHECK(group_named(analysis, "ddp x2 resumed after 2 epochs").against_seq.speedup);
  CHECK(convergence_of(analysis.summaries.front(), Baseline::seq).times.empty());
  CHECK_FALSE(convergence_of(analyse({make_run(kSeq)}).summaries.front(), Baseline::seq).times.empty());
}
